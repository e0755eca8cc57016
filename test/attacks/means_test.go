package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// debug adds an ephemeral container to a pod, as kubectl debug does.
func debug(namespace, pod, image string) request {
	return edits("ephemeralcontainers", the("Pod", namespace, pod), func(fields map[string]any) {
		spec := podSpecOf(fields, "Pod")
		spec["ephemeralContainers"] = []any{map[string]any{"name": "debug", "image": fill(image), "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"}}
	}).by("PUT", "merge patch", "JSON patch", "strategic merge patch")
}

// connects opens a connection to a pod: exec or attach. There is no kubelet behind a simulated node, so that whatever
// admission lets through ends in another error.
func connects(by *actor, how, namespace, pod string) request {
	return request{{verb: how, about: the("Pod", namespace, pod), send: func(ctx context.Context, _ client.Client) (thing, error) {
		clients, err := kubernetes.NewForConfig(by.config)
		if err != nil {
			return nil, err
		}
		err = clients.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource(how).
			VersionedParams(&corev1.PodExecOptions{Command: []string{"true"}, Stdout: true}, clientscheme.ParameterCodec).Do(ctx).Error()
		if status := apierrors.APIStatus(nil); errors.As(err, &status) && !apierrors.IsForbidden(err) {
			return nil, nil
		}
		return nil, err
	}}}
}

// asksForToken asks for a token of a ServiceAccount, bound to nothing.
func asksForToken(namespace, name string) request {
	account := the("ServiceAccount", namespace, name)
	return request{{verb: "create token", about: account, send: func(ctx context.Context, c client.Client) (thing, error) {
		return nil, c.SubResource("token").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}},
			&authenticationv1.TokenRequest{})
	}}}
}

// impersonates acts as somebody else: kubectl --as. (The actors of this suite are impersonated by an administrator; this
// is somebody with a certificate of their own.)
func impersonates(who, whom string) request {
	return request{{verb: "--as=" + whom, about: the("ConfigMap", "shop", "none"), send: func(ctx context.Context, _ client.Client) (thing, error) {
		config, err := plane.ConfigFor(who)
		if err != nil {
			return nil, err
		}
		config.Impersonate.UserName = whom
		clients, err := kubernetes.NewForConfig(config)
		if err != nil {
			return nil, err
		}
		_, err = clients.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		return nil, err
	}}}
}

// marksTemplate shows that a workload that is to be left alone keeps its image, and that its pods will be left alone too.
func marksTemplate(answer thing) error {
	mark, _, err := unstructured.NestedString(answer.Object, "spec", "template", "metadata", "annotations", "sluice.dev/delivery")
	if images := imagesOf(answer); err != nil || mark != "Ignore" || !reflect.DeepEqual(images, []string{fill("$API:green")}) {
		return fmt.Errorf("the template says %q and runs %v: %w", mark, images, err)
	}
	return nil
}

// releaseManagerSigned shows that the API server wrote the group that the Environment asks for.
func releaseManagerSigned(answer thing) error {
	groups, _, err := unstructured.NestedStringSlice(answer.Object, "spec", "approver", "groups")
	if err != nil || !reflect.DeepEqual(groups, []string{"release-managers"}) {
		return fmt.Errorf("signed as a member of %v: %w", groups, err)
	}
	return nil
}

// namesPat shows that the API server wrote down who broke the glass.
func namesPat(answer thing) error {
	if by := answer.GetAnnotations()["sluice.dev/overridden-by"]; by != "pat" {
		return fmt.Errorf("changed by hand by %q", by)
	}
	return nil
}
