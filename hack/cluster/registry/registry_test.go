package registry_test

import (
	"context"
	"net"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sluice-dev/sluice/hack/cluster/registry"
)

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	addresses, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- registry.Serve(ctx, "127.0.0.1:0", t.TempDir(), func(address net.Addr) { addresses <- address })
	}()
	var address net.Addr
	select {
	case address = <-addresses:
	case err := <-done:
		t.Fatal(err)
	}
	pushAndPull(t, address.String()+"/shop/api:v1")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve ended with %v, want nothing: it was told to end", err)
	}
}

// pushAndPull checks that what is pushed is what comes back.
func pushAndPull(t *testing.T, to string) {
	t.Helper()
	pushed, err := random.Image(1024, 2)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference, pushed); err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(reference)
	if err != nil {
		t.Fatal(err)
	}
	want, err := pushed.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pulled.Digest(); err != nil || got != want {
		t.Errorf("pulled %v, %v; pushed %v", got, err, want)
	}
}

func TestServeSaysWhatIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	err = registry.Serve(t.Context(), listener.Addr().String(), t.TempDir(), func(net.Addr) {
		t.Error("it cannot be ready")
	})
	if err == nil {
		t.Error("a port was served that somebody else has")
	}
}
