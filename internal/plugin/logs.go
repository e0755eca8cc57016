package plugin

import (
	"context"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	// logEvery is how often logs are read while something is followed, and logWithin how long one look may take.
	logEvery  = 2 * time.Second
	logWithin = 2 * time.Second
	// maxLogBytes bounds what is read of a log.
	maxLogBytes int64 = 4096
)

// LastLine returns the last line that a pod wrote.
type LastLine func(ctx context.Context, namespace, pod string) (string, error)

// connectLogs reads logs of the cluster that the flags name.
func connectLogs(flags *genericclioptions.ConfigFlags) (LastLine, error) {
	config, err := flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	c, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, namespace, pod string) (string, error) {
		text, err := c.Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{TailLines: new(int64(1)), LimitBytes: new(maxLogBytes)}).DoRaw(ctx)
		return strings.TrimSpace(string(text)), err
	}, nil
}

// saying reads the last line of each gate of a promotion that runs: how far it is. It is for people who wait, so what
// they may not read, or what is not there yet, is left out.
func (s *session) saying(ctx context.Context, jobs []batchv1.Job) map[types.NamespacedName]string {
	ctx, stop := context.WithTimeout(ctx, logWithin)
	defer stop()
	said := map[types.NamespacedName]string{}
	for i := range jobs {
		if jobs[i].Status.Active == 0 {
			continue
		}
		if line := s.lastLine(ctx, &jobs[i]); line != "" {
			said[keyOf(&jobs[i])] = line
		}
	}
	return said
}

// lastLine is that of the first of a Job's pods that runs: workers of a load say much the same.
func (s *session) lastLine(ctx context.Context, job *batchv1.Job) string {
	var pods corev1.PodList
	labels := client.MatchingLabels{batchv1.JobNameLabel: job.Name, v1alpha1.PromotionUIDLabel: job.Labels[v1alpha1.PromotionUIDLabel]}
	if err := s.client.List(ctx, &pods, client.InNamespace(job.Namespace), labels); err != nil {
		return ""
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	i := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	if i < 0 {
		return ""
	}
	line, err := s.logs(ctx, job.Namespace, pods.Items[i].Name)
	if err != nil {
		return ""
	}
	return line
}
