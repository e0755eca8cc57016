package memapi

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// ErrUnsupported is returned for what this API does not do.
var ErrUnsupported = errors.New("memapi does not support this")

// Attempt is a write that is about to happen.
type Attempt struct {
	// Verb of the write.
	Verb Verb
	// Kind of the object.
	Kind string
	// Object as the client gave it.
	Object client.Object
}

// Client reads a view and writes to the server as one actor.
type Client struct {
	*View
	// Actor that writes.
	Actor string
	// Through does a write, or lets it fail; nil always does it. It is where faults come in.
	Through func(attempt Attempt, write func() error) error
}

// ClientFor returns a client without faults.
func (s *Server) ClientFor(actor string, view *View) *Client {
	return &Client{View: view, Actor: actor}
}

var _ client.Client = (*Client)(nil)

// write runs a write through the faults, and hands its result to the caller as the API's answer.
func (c *Client) write(verb Verb, obj client.Object, do func() (client.Object, error)) error {
	write := func() error {
		c.server.horizon = c.Horizon()
		stored, err := do()
		if err == nil && stored != nil {
			copyInto(stored, obj)
		}
		return err
	}
	if c.Through == nil {
		return write()
	}
	return c.Through(Attempt{Verb: verb, Kind: c.server.Kind(obj), Object: obj}, write)
}

// Create as client.Writer.
func (c *Client) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	return c.write(Create, obj, func() (client.Object, error) { return c.server.create(c.Actor, obj) })
}

// Update as client.Writer.
func (c *Client) Update(_ context.Context, obj client.Object, _ ...client.UpdateOption) error {
	return c.write(Update, obj, func() (client.Object, error) { return c.server.update(c.Actor, obj, false) })
}

// Patch as client.Writer; JSON merge patches only.
func (c *Client) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return c.write(Update, obj, func() (client.Object, error) { return c.server.patch(c.Actor, obj, patch, false) })
}

// Delete as client.Writer.
func (c *Client) Delete(_ context.Context, obj client.Object, options ...client.DeleteOption) error {
	var o client.DeleteOptions
	for _, option := range options {
		option.ApplyToDelete(&o)
	}
	return c.write(Delete, obj, func() (client.Object, error) {
		wanted := obj.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the type of the original.
		wanted.SetResourceVersion("")
		wanted.SetUID("")
		if p := o.Preconditions; p != nil && p.UID != nil {
			wanted.SetUID(*p.UID)
		}
		if p := o.Preconditions; p != nil && p.ResourceVersion != nil {
			wanted.SetResourceVersion(*p.ResourceVersion)
		}
		return nil, c.server.remove(c.Actor, wanted)
	})
}

// DeleteAllOf as client.Writer: not supported.
func (c *Client) DeleteAllOf(context.Context, client.Object, ...client.DeleteAllOfOption) error {
	return ErrUnsupported
}

// Apply as client.Writer: not supported.
func (c *Client) Apply(context.Context, runtime.ApplyConfiguration, ...client.ApplyOption) error {
	return ErrUnsupported
}

// Status as client.StatusClient.
func (c *Client) Status() client.SubResourceWriter { return statusClient{c} }

// SubResource as client.SubResourceClientConstructor; status only.
func (c *Client) SubResource(string) client.SubResourceClient { return statusClient{c} }

// Scheme as client.Client.
func (c *Client) Scheme() *runtime.Scheme { return c.server.scheme }

// RESTMapper as client.Client: there is none.
func (c *Client) RESTMapper() meta.RESTMapper { return nil }

// GroupVersionKindFor as client.Client.
func (c *Client) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(obj, c.server.scheme)
}

// IsObjectNamespaced as client.Client.
func (c *Client) IsObjectNamespaced(obj runtime.Object) (bool, error) {
	return c.server.Kind(obj) != "Namespace", nil
}

// statusClient writes the status subresource.
type statusClient struct{ *Client }

// Get as client.SubResourceReader: not supported.
func (c statusClient) Get(context.Context, client.Object, client.Object, ...client.SubResourceGetOption) error {
	return ErrUnsupported
}

// Create as client.SubResourceWriter: not supported.
func (c statusClient) Create(context.Context, client.Object, client.Object, ...client.SubResourceCreateOption) error {
	return ErrUnsupported
}

// Apply as client.SubResourceWriter: not supported.
func (c statusClient) Apply(context.Context, runtime.ApplyConfiguration, ...client.SubResourceApplyOption) error {
	return ErrUnsupported
}

// Update as client.SubResourceWriter.
func (c statusClient) Update(_ context.Context, obj client.Object, _ ...client.SubResourceUpdateOption) error {
	return c.write(UpdateStatus, obj, func() (client.Object, error) { return c.server.update(c.Actor, obj, true) })
}

// Patch as client.SubResourceWriter.
func (c statusClient) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	return c.write(UpdateStatus, obj, func() (client.Object, error) { return c.server.patch(c.Actor, obj, patch, true) })
}

// patchTypes that are understood.
const patchType = types.MergePatchType
