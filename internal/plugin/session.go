package plugin

import (
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// session is one run of a command against one cluster.
type session struct {
	*App
	client client.WithWatch
	// logs of pods.
	logs LastLine
	// namespace that -n or the context names.
	namespace string
}

// Scheme knows the kinds that the plugin reads and writes.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

func (a *App) session(flags *genericclioptions.ConfigFlags) (*session, error) {
	namespace, _, err := flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	c, err := a.Connect(flags, a.Console.ErrOut)
	if err != nil {
		return nil, err
	}
	logs, err := a.ConnectLogs(flags)
	if err != nil {
		return nil, err
	}
	return &session{App: a, client: c, logs: logs, namespace: namespace}, nil
}

// connect makes a client of the cluster that the flags name.
func connect(flags *genericclioptions.ConfigFlags, warnings io.Writer) (client.WithWatch, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	// The API server bounds what one person may ask, and it does so better.
	config.QPS = -1
	config.WarningHandler = rest.NewWarningWriter(warnings, rest.WarningWriterOptions{Deduplicate: true})
	config.UserAgent = "kubectl-sluice/" + rest.DefaultKubernetesUserAgent()
	return client.NewWithWatch(config, client.Options{Scheme: Scheme()})
}
