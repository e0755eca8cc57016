package admission_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// mutate is somebody else's mutating webhook, which has the last word in a namespace: it patches what is created.
func mutate(t *testing.T, namespace, resource, patch string) {
	t.Helper()
	webhook(t, namespace, resource, patch, admissionregistrationv1.IfNeededReinvocationPolicy)
}

// webhook is somebody else's mutating webhook in a namespace, which is asked again after others, or is not.
func webhook(t *testing.T, namespace, resource, patch string, again admissionregistrationv1.ReinvocationPolicyType) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review := &admissionv1.AdmissionReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{
			UID: review.Request.UID, Allowed: true, Patch: []byte(patch), PatchType: ptr.To(admissionv1.PatchTypeJSONPatch),
		}
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	hook := &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace + "-" + resource},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "inject.example.com",
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			ReinvocationPolicy:      &again,
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL:      ptr.To(server.URL),
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{resource}},
			}},
		}},
	}
	create(t, hook)
	t.Cleanup(func() {
		if err := admin.Delete(t.Context(), hook); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
}

// A sidecar that a webhook injects comes after the pin: a tag of somebody else is refused, unless the Environment
// allows it; a tag of ours is pinned, because the pin is asked again.
func TestScenario4InjectedSidecar(t *testing.T) {
	inject := func(namespace, image string) {
		patch := `[{"op":"add","path":"/spec/containers/-","value":{"name":"mesh","image":"` + image + `"}}]`
		webhook(t, namespace, "pods", patch, admissionregistrationv1.NeverReinvocationPolicy)
	}
	refuses, allows, ours := locked(t, "sidecar-refused"), "sidecar-allowed", locked(t, "sidecar-ours")
	create(t, MakeNamespace(allows, v1alpha1.LockEnforce).Note(v1alpha1.PrefixesAnnotation, "registry.example.com/mesh/").Obj())
	for _, namespace := range []string{refuses, allows} {
		inject(namespace, "registry.example.com/mesh/proxy:3")
	}
	inject(ours, worker+":v3")
	dave := person("dave")
	eventually(t, func() error {
		err := dave.Create(t.Context(), MakePod(api+":v5").Pod(refuses, "p"), dryRun)
		return refusal(err, "sluice-lock", "refused: registry.example.com/mesh/proxy:3. "+bringItIn+", or have the platform team list it in allowedImages")
	})
	for namespace, want := range map[string]string{allows: "registry.example.com/mesh/proxy:3", ours: worker + "@" + current} {
		eventually(t, func() error {
			pod := MakePod(api+":v5").Pod(namespace, "p")
			if err := dave.Create(t.Context(), pod, dryRun); err != nil {
				return err
			}
			if last := pod.Spec.Containers[len(pod.Spec.Containers)-1]; last.Name != "mesh" || last.Image != want {
				return &unlike{got: last.Image, want: want}
			}
			return nil
		})
	}
}
