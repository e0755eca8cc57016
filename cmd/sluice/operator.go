package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sluice-dev/sluice/internal/clock"
	sluice "github.com/sluice-dev/sluice/internal/controller"
	"github.com/sluice-dev/sluice/internal/registry"
)

// oldestServer is the first Kubernetes in which MutatingAdmissionPolicy is generally available.
const oldestServer = "1.36.0"

// longestBackoff bounds how long a write that was refused waits for its next try; a change that is watched comes sooner.
const longestBackoff = 2 * time.Minute

// defaultKeepRecords is a year, and some days for whoever looks back at it.
const defaultKeepRecords = 400 * 24 * time.Hour

type operatorOptions struct {
	leaderElect        bool
	metricsAddress     string
	probeAddress       string
	insecureRegistries []string
	registryCAFile     string
	namespace          string
	serviceAccount     string
	image              string
	workers            int
	keepRecords        time.Duration
	development        bool
}

func newOperatorCommand() *cobra.Command {
	o := operatorOptions{}
	command := &cobra.Command{
		Use:   "operator",
		Short: "Run the operator",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := command.Flags()
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "let one of several replicas work, the others stand by with warm caches")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "where to serve metrics; 0 for nowhere")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "where to serve /healthz and /readyz")
	flags.StringSliceVar(&o.insecureRegistries, "insecure-registries", nil, "host:port of registries that may be asked over plain HTTP")
	flags.StringVar(&o.registryCAFile, "registry-ca-file", "", "PEM file of certificate authorities that registries are trusted by, besides the system's")
	flags.StringVar(&o.namespace, "namespace", namespaceOfPod(), "namespace of the operator: of its lease and its ServiceAccount")
	flags.StringVar(&o.serviceAccount, "service-account", "sluice", "ServiceAccount of the operator, which RoleBindings of environments name")
	flags.StringVar(&o.image, "image", os.Getenv("SLUICE_IMAGE"), "image of this operator by digest, which load gates run; default: what its own pod runs")
	flags.IntVar(&o.workers, "workers", 8, "how many objects of each kind are worked on at once")
	flags.DurationVar(&o.keepRecords, "keep-records", defaultKeepRecords, "how long ReleaseRecords stay at least; those of a release that may still run stay longer; 0 for ever")
	flags.BoolVar(&o.development, "log-development", false, "log for people instead of machines")
	return command
}

func namespaceOfPod() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	return "sluice-system"
}

func (o *operatorOptions) run(ctx context.Context) error {
	ctrl.SetLogger(zap.New(zap.UseDevMode(o.development)))
	if o.image != "" && !strings.Contains(o.image, "@sha256:") {
		return fmt.Errorf("--image %s is not by digest, and load gates run nothing else; write host/path@sha256:..., or leave it out", o.image)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w; run in a cluster, or set KUBECONFIG", err)
	}
	// The API server's priority and fairness limits the operator; a limit of its own would only add waiting.
	config.QPS = -1
	if err := checkServer(config); err != nil {
		return err
	}
	registries, err := o.newRegistry()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, o.managerOptions())
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := manager.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}
	if err := manager.AddReadyzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}
	setup := sluice.Setup{
		Operator: types.NamespacedName{Namespace: o.namespace, Name: o.serviceAccount},
		Own: sluice.OwnImage{
			Reference: o.image, Pod: types.NamespacedName{Namespace: o.namespace, Name: os.Getenv("POD_NAME")},
		},
		Registry: registries,
		Clock:    clock.Real{},
		Options:  o.controllerOptions,
		Metrics:  metrics.Registry,

		KeepRecords: o.keepRecords,
	}
	if err := setup.WithManager(ctx, manager); err != nil {
		return err
	}
	return manager.Start(ctx)
}

func (o *operatorOptions) managerOptions() ctrl.Options {
	options := sluice.ManagerOptions()
	options.LeaderElection = o.leaderElect
	options.LeaderElectionID = "operator.sluice.dev"
	options.LeaderElectionNamespace = o.namespace
	options.LeaderElectionReleaseOnCancel = true
	options.Metrics.BindAddress = o.metricsAddress
	options.HealthProbeBindAddress = o.probeAddress
	return options
}

func (o *operatorOptions) controllerOptions() controller.Options {
	warm := true
	return controller.Options{
		MaxConcurrentReconciles: o.workers,
		EnableWarmup:            &warm,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
			20*time.Millisecond, longestBackoff),
	}
}

func (o *operatorOptions) newRegistry() (*registry.Resolver, error) {
	options := registry.Options{InsecureHosts: o.insecureRegistries}
	if o.registryCAFile != "" {
		bundle, err := os.ReadFile(o.registryCAFile)
		if err != nil {
			return nil, fmt.Errorf("read --registry-ca-file: %w", err)
		}
		options.CABundle = bundle
	}
	resolver, err := registry.New(options)
	if err != nil {
		return nil, fmt.Errorf("registry flags: %w", err)
	}
	return resolver, nil
}

// checkServer refuses API servers that could not enforce anything.
func checkServer(config *rest.Config) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("ask the API server for its version: %w", err)
	}
	info, err := client.ServerVersion()
	if err != nil {
		return fmt.Errorf("ask the API server for its version: %w", err)
	}
	found, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return fmt.Errorf("the API server's version %q: %w", info.GitVersion, err)
	}
	if found.LessThan(version.MustParseGeneric(oldestServer)) {
		return fmt.Errorf("this Kubernetes is %s, and Sluice needs 1.36 or newer: its lock is MutatingAdmissionPolicy, which is generally available since then; upgrade the cluster", info.GitVersion)
	}
	return nil
}
