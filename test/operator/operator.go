// Package operator runs Sluice's operator in a test's own process, as its pod would.
package operator

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/internal/clock"
	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/internal/registry"
)

// Name is that of the operator's ServiceAccount, as the API server knows it.
const Name = "system:serviceaccount:sluice-system:sluice"

// Operator is an operator at work.
type Operator struct {
	stop   context.CancelFunc
	ended  chan struct{}
	failed error
}

// Options say what differs from the pod's.
type Options struct {
	// Registries are hosts that are spoken to without TLS.
	Registries []string
	// KeepRecords is how long records stay at least; 0 for ever.
	KeepRecords time.Duration
	// Metrics go there; nil for nowhere.
	Metrics prometheus.Registerer
	// Image is the operator's own, by digest, which runs the gates that Sluice brings along.
	Image string
}

// Start starts an operator as its pod would, but for the election of a leader. The administrator lends it its name.
func Start(parent context.Context, administrator *rest.Config, options Options) (*Operator, error) {
	ctx, cancel := context.WithCancel(parent)
	manager, err := makeManager(ctx, configFrom(administrator), options)
	if err != nil {
		cancel()
		return nil, err
	}
	o := &Operator{stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(o.ended)
		if err := manager.Start(ctx); err != nil || ctx.Err() == nil {
			o.failed = fmt.Errorf("the operator ended: %w", err)
		}
	}()
	return o, nil
}

// Stop stops it, and returns when it has ended.
func (o *Operator) Stop() {
	o.stop()
	<-o.ended
}

// Failed says why it ended by itself; nil otherwise.
func (o *Operator) Failed() error {
	select {
	case <-o.ended:
		return o.failed
	default:
		return nil
	}
}

// configFrom is that of the operator's pod: its ServiceAccount's name, and a token bound to the pod.
func configFrom(administrator *rest.Config) *rest.Config {
	config := rest.CopyConfig(administrator)
	config.QPS = -1
	config.Impersonate = rest.ImpersonationConfig{
		UserName: Name,
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:sluice-system", "system:authenticated"},
		Extra:    map[string][]string{"authentication.kubernetes.io/pod-name": {"sluice-0"}},
	}
	return config
}

func makeManager(ctx context.Context, config *rest.Config, options Options) (ctrl.Manager, error) {
	as := sluice.ManagerOptions()
	as.Metrics.BindAddress, as.HealthProbeBindAddress = "0", "0"
	manager, err := ctrl.NewManager(config, as)
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	resolver, err := registry.New(registry.Options{InsecureHosts: options.Registries})
	if err != nil {
		return nil, err
	}
	setup := sluice.Setup{
		Operator: types.NamespacedName{Namespace: "sluice-system", Name: "sluice"},
		Own:      sluice.OwnImage{Reference: options.Image},
		Registry: resolver, Clock: clock.Real{}, KeepRecords: options.KeepRecords, Metrics: options.Metrics,
		Options: func() controller.Options {
			return controller.Options{
				MaxConcurrentReconciles: 4,
				// An operator that a test starts anew has controllers of the same names.
				SkipNameValidation: new(true),
				RateLimiter:        workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](20*time.Millisecond, 2*time.Second),
			}
		},
	}
	return manager, setup.WithManager(ctx, manager)
}
