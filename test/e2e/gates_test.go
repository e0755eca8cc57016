package e2e_test

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// signingKey is what the scanner verifies events with.
const signingKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// prometheusConfig scrapes the API of the sample in one namespace.
const prometheusConfig = `global: {scrape_interval: 1s}
scrape_configs:
- job_name: checkout
  static_configs:
  - targets: [checkout-api.%[1]s.svc:80]
    labels: {namespace: %[1]s}
`

// askOthers has a scanner, a Prometheus and a soak of a template decide in dev: version 2 passes, and the scanner refuses version 3.
func (s *team) askOthers() {
	s.openScanner()
	s.openPrometheus()
	s.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("dev"), Name: "sluice-gate." + s.name + ".checkout"},
		StringData: map[string]string{"signing-key": signingKey},
	})
	s.create(&v1alpha1.GateTemplate{ObjectMeta: metav1.ObjectMeta{Name: s.name + "-calm"}, Spec: v1alpha1.GateTemplateSpec{
		Gate: v1alpha1.Gate{Name: "calm", Purpose: v1alpha1.PurposeStress, Soak: v1alpha1.SoakGate{DurationSeconds: 3}},
	}})
	scanner := &corev1.Service{}
	s.get(s.namespace("tools"), "scanner", scanner)
	s.ask(scanner.Spec.ClusterIP + "/32")
	s.promote("checkout-asked", "v2", "dev")
	asked := s.awaitOutcome("checkout-asked", v1alpha1.OutcomeSucceeded).Status.Environments[0]
	if scan := asked.Gates[0]; scan.Webhook.Answer != v1alpha1.AnswerPassed || *scan.Webhook.Requests != 2 || !strings.Contains(scan.Message, ".svc says passed: 2 images scanned") {
		s.t.Errorf("the scanner: %s %s, %+v", scan.State, scan.Message, scan.Webhook)
	}
	if errors := asked.Gates[1]; *errors.Metric.Samples != 8 || *errors.Metric.Failed != 0 || errors.Metric.Last != "0" {
		s.t.Errorf("the Prometheus: %s %s, %+v", errors.State, errors.Message, errors.Metric)
	}
	if calm := asked.Gates[2]; calm.State != v1alpha1.GatePassed || calm.GateTemplate.Name != s.name+"-calm" || !strings.HasPrefix(calm.Message, "ready for 3s") {
		s.t.Errorf("the soak: %s %s, of template %+v", calm.State, calm.Message, calm.GateTemplate)
	}
	s.toldWhereItAnswers(asked.Gates[0].JobRef.Name)
	s.promote("checkout-refused", "v3", "dev")
	refused := s.awaitOutcome("checkout-refused", v1alpha1.OutcomeFailed)
	if !strings.Contains(refused.Status.Message, ".svc says failed: image api holds a library that is not let in (https://scanner.example.com/runs/sl-") {
		s.t.Errorf("version 3 failed for %s", refused.Status.Message)
	}
	s.runs("dev", "v2")
}

// refuseNetworks shows that a private address is not called unless the Environment names it.
func (s *team) refuseNetworks() {
	s.ask("10.255.0.0/24")
	s.promote("checkout-unnamed", "v2", "dev")
	p := s.awaitOutcome("checkout-unnamed", v1alpha1.OutcomeFailed)
	if !strings.Contains(p.Status.Message, "is a private address: whoever holds unlock on the Environment may let webhooks call it, with webhookNetworks: [") {
		s.t.Errorf("it failed for %s", p.Status.Message)
	}
}

// ask makes the gates of dev a scanner, a Prometheus and a soak of a template, and names a network that may be called.
func (s *team) ask(network string) {
	s.t.Helper()
	eventually(s.t, "edit the Environment of dev", func() error {
		e := &v1alpha1.Environment{}
		if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace("dev"), Name: v1alpha1.EnvironmentName}, e); err != nil {
			return err
		}
		e.Spec.WebhookNetworks = []string{network}
		e.Spec.Gates = []v1alpha1.Gate{
			{Name: "scan", Purpose: v1alpha1.PurposeSecurity, Webhook: v1alpha1.WebhookGate{
				URL: "http://scanner." + s.namespace("tools") + ".svc/gates", TLS: v1alpha1.GateTLS{Verification: v1alpha1.SkipTLS},
				SigningKey: v1alpha1.SecretKeyReference{Name: "sluice-gate." + s.name + ".checkout", Key: "signing-key"}, PollSeconds: 1,
			}},
			{Name: "errors", Purpose: v1alpha1.PurposeOther, Metric: v1alpha1.MetricGate{
				Prometheus: v1alpha1.PrometheusServer{URL: "http://prometheus." + s.namespace("tools") + ".svc:9090", RequestTimeoutSeconds: 2},
				Query: `(sum(rate(http_requests_total{namespace="$(SLUICE_NAMESPACE)",code=~"5.."}[20s])) or vector(0))
					/ sum(rate(http_requests_total{namespace="$(SLUICE_NAMESPACE)"}[20s]))`,
				Samples: 8, MinimumSamples: 3, IntervalSeconds: 2, PassIf: "result < 0.01",
			}},
			{Name: "calm", Purpose: v1alpha1.PurposeStress, TemplateRef: v1alpha1.GateTemplateUse{Name: s.name + "-calm"}},
		}
		return s.admin.Update(s.t.Context(), e)
	})
}

// openScanner runs the scanner of the sample, which refuses version 3, in a namespace that is no environment.
func (s *team) openScanner() {
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace("tools")}})
	s.serve("scanner", 80, corev1.Container{
		Image: registry + "/shop/checkout-scanner:v1", Args: []string{"-listen=:8080", "-refuse=" + s.images["checkout-api:v3"]},
		Env:   []corev1.EnvVar{{Name: "WEBHOOK_SIGNING_KEY", Value: signingKey}},
		Ports: []corev1.ContainerPort{{ContainerPort: 8080}}, ReadinessProbe: answers("/healthz", 8080),
	})
}

// openPrometheus runs a Prometheus that scrapes dev, and waits until it has: it looks for what to scrape every few seconds.
func (s *team) openPrometheus() {
	s.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace("tools"), Name: "prometheus"},
		Data:       map[string]string{"prometheus.yml": fmt.Sprintf(prometheusConfig, s.namespace("dev"))},
	})
	s.serve("prometheus", 9090, corev1.Container{
		Image: registry + "/shop/prometheus:v1", Args: []string{"--config.file=/config/prometheus.yml", "--storage.tsdb.path=/data/tsdb"},
		Ports: []corev1.ContainerPort{{ContainerPort: 9090}}, ReadinessProbe: answers("/-/ready", 9090),
		VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/config"}, {Name: "data", MountPath: "/data"}},
	},
		corev1.Volume{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "prometheus"}}}},
		corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	)
	clientset, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "the Prometheus has scraped dev", func() error {
		query := map[string]string{"query": "rate(http_requests_total[20s])"}
		answer, err := clientset.CoreV1().Services(s.namespace("tools")).ProxyGet("http", "prometheus", "9090", "api/v1/query", query).DoRaw(s.t.Context())
		if err == nil && !strings.Contains(string(answer), `"code":"200"`) {
			err = fmt.Errorf("it answers %s", answer)
		}
		return err
	})
}

func answers(path string, port int) *corev1.Probe {
	return &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt(port)}}}
}

// serve runs a container behind a Service in the namespace of tools, and waits until it is ready.
func (s *team) serve(name string, port int32, container corev1.Container, volumes ...corev1.Volume) {
	s.t.Helper()
	meta := metav1.ObjectMeta{Namespace: s.namespace("tools"), Name: name, Labels: map[string]string{"app": name}}
	container.Name = name
	s.create(&corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{
		AutomountServiceAccountToken: new(bool), SecurityContext: &corev1.PodSecurityContext{FSGroup: new(int64(65532))},
		Containers: []corev1.Container{container}, Volumes: volumes,
	}})
	s.create(&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector: meta.Labels, Ports: []corev1.ServicePort{{Port: port, TargetPort: intstr.FromInt32(container.Ports[0].ContainerPort)}},
	}})
	s.run(s.t, "wait", "-n", meta.Namespace, "pod/"+name, "--for=condition=Ready", "--timeout=120s")
}

// toldWhereItAnswers asserts that the pod of a gate was told the Service of the release.
func (s *team) toldWhereItAnswers(job string) {
	s.t.Helper()
	made := &batchv1.Job{}
	s.get(s.namespace("dev"), job, made)
	want := corev1.EnvVar{Name: "SLUICE_SERVICE_API", Value: "checkout-api." + s.namespace("dev") + ".svc:80"}
	if variables := made.Spec.Template.Spec.Containers[0].Env; !slices.Contains(variables, want) {
		s.t.Errorf("the gate was not told %v: %v", want, variables)
	}
}

func (s *team) get(namespace, name string, object client.Object) {
	s.t.Helper()
	if err := s.admin.Get(s.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		s.t.Fatal(err)
	}
}
