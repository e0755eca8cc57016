package metrics_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	root = "../.."
	// patience is how long a program may take to start.
	patience = time.Minute
)

// program is one that runs for a test, on loopback.
type program struct {
	// address that it says it serves on.
	address string
	command *exec.Cmd
}

// start runs a program until the test ends, and waits until it says where it serves.
func start(t *testing.T, says *regexp.Regexp, name string, args ...string) *program {
	t.Helper()
	reader, writer := io.Pipe()
	p := &program{command: exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)}
	p.command.Stdout, p.command.Stderr = writer, writer
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		_ = writer.Close()
	})
	found, said := make(chan string, 1), &strings.Builder{}
	go func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			if match := says.FindStringSubmatch(lines.Text()); match != nil && len(found) == 0 {
				found <- match[1]
			}
			if len(found) == 0 {
				_, _ = fmt.Fprintln(said, lines.Text())
			}
		}
		close(found)
	}()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case p.address = <-found:
	case <-timeout.C:
	}
	if p.address == "" {
		t.Fatalf("%s does not say where it serves", name)
	}
	return p
}

// stop ends the program; it may be called twice.
func (p *program) stop() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// startSample builds the sample application, runs it, and sends it requests until the test ends: of ten so many are wrong.
func startSample(t *testing.T, wrong *atomic.Int32) *program {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "api")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./test/sample/api")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the sample application: %v\n%s", err, out)
	}
	sample := start(t, regexp.MustCompile(`serving on (\S+)`), binary, "-listen", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ask(ctx, "http://"+sample.address, wrong)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return sample
}

// ask sends 100 requests a second: one for a refund, then for quotes.
func ask(ctx context.Context, url string, wrong *atomic.Int32) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for n := int32(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		query := "/quote?cents=1999&quantity=3"
		switch {
		case n == 0:
			query = "/refund?paid=1000&items=3"
		case n%10 < wrong.Load():
			query = "/quote?cents=much"
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+query, http.NoBody)
		if err != nil {
			return
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	}
}

// prometheus is the path of the binary, built from its Go module once.
func prometheus(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), root+"/hack/tools/build.sh", "prometheus").Output()
	if err != nil {
		t.Fatalf("build Prometheus: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// startPrometheus runs one that scrapes a target ten times a second.
func startPrometheus(t *testing.T, target string, flags ...string) *program {
	t.Helper()
	directory := t.TempDir()
	config := write(t, directory, "prometheus.yml", fmt.Sprintf(
		"global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs: [{job_name: sample, static_configs: [{targets: [%q], labels: {namespace: shop-test}}]}]\n", target))
	return start(t, regexp.MustCompile(`msg="Listening on" .*address=(\S+)`), prometheus(t),
		append([]string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(directory, "data"), "--web.listen-address=127.0.0.1:0"}, flags...)...)
}

func write(t *testing.T, directory, name, text string) string {
	t.Helper()
	path := filepath.Join(directory, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// authority signs certificates for loopback.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.certificate = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) pem() string { return block("CERTIFICATE", a.certificate.Raw) }

// sign makes a certificate for servers and clients on loopback, as PEM.
func (a *authority) sign() (certificate, key string) {
	a.t.Helper()
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial + 1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", encoded)
}

func block(kind string, bytes []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
}
