package simulation

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/recorder"
)

// fakeManager gives the operator's real set-up what it needs, and collects its controllers and their watches.
type fakeManager struct {
	ctrl.Manager // whatever is not overridden is not used, and would panic

	scheme    *runtime.Scheme
	client    client.Client
	live      client.Reader
	indexer   client.FieldIndexer
	recorder  recorder.EventRecorder
	informers *fakeInformers
	runnables []manager.Runnable
}

func (m *fakeManager) Add(r manager.Runnable) error                   { m.runnables = append(m.runnables, r); return nil }
func (m *fakeManager) GetScheme() *runtime.Scheme                     { return m.scheme }
func (m *fakeManager) GetClient() client.Client                       { return m.client }
func (m *fakeManager) GetAPIReader() client.Reader                    { return m.live }
func (m *fakeManager) GetFieldIndexer() client.FieldIndexer           { return m.indexer }
func (m *fakeManager) GetCache() cache.Cache                          { return m.informers }
func (m *fakeManager) GetEventRecorder(string) recorder.EventRecorder { return m.recorder }
func (m *fakeManager) GetLogger() logr.Logger                         { return logr.Discard() }
func (m *fakeManager) GetRESTMapper() meta.RESTMapper                 { return nil }
func (m *fakeManager) GetHTTPClient() *http.Client                    { return nil }
func (m *fakeManager) GetConfig() *rest.Config                        { return &rest.Config{} }
func (m *fakeManager) Elected() <-chan struct{}                       { return nil }

func (m *fakeManager) GetControllerOptions() config.Controller {
	yes := true
	return config.Controller{SkipNameValidation: &yes, CacheSyncTimeout: time.Minute}
}

// fakeInformers collects the handlers of every watch, by kind. Only the handlers are used: what is read is the client's.
type fakeInformers struct {
	cache.Cache // whatever is not overridden is not used, and would panic

	kind     func(runtime.Object) string
	mutex    sync.Mutex
	handlers map[string][]toolscache.ResourceEventHandler
}

func (f *fakeInformers) GetInformer(_ context.Context, obj client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return fakeInformer{informers: f, kind: f.kind(obj)}, nil
}

func (f *fakeInformers) GetInformerForKind(_ context.Context, gvk schema.GroupVersionKind, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return fakeInformer{informers: f, kind: gvk.Kind}, nil
}

func (f *fakeInformers) WaitForCacheSync(context.Context) bool { return true }

type fakeInformer struct {
	cache.Informer

	informers *fakeInformers
	kind      string
}

func (i fakeInformer) AddEventHandlerWithOptions(handler toolscache.ResourceEventHandler, _ toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandler(handler)
}

func (i fakeInformer) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.informers.mutex.Lock()
	defer i.informers.mutex.Unlock()
	i.informers.handlers[i.kind] = append(i.informers.handlers[i.kind], handler)
	return registration{}, nil
}

// registration of a handler; all it would replay was replayed.
type registration struct {
	toolscache.ResourceEventHandlerRegistration
}

func (registration) HasSynced() bool { return true }
