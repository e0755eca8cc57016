package plugin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/tools/clientcmd"
)

// exitInterrupted is the exit status of a program that somebody interrupted.
const exitInterrupted = 130

// exitUnheard is the exit status where not even the complaint could be written.
const exitUnheard = 2

// exitError ends the program with a status; all has been said already.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.code) }

// errEnded is the end of something that did not go well, and was shown already.
var errEnded error = exitError{code: 1}

// explain says an error as kubectl does, and what to do where that is known.
func explain(err error) string {
	var dial *url.Error
	var refused *apierrors.StatusError
	var unknownKind *meta.NoKindMatchError
	switch {
	case errors.As(err, &unknownKind):
		return fmt.Sprintf("error: this cluster does not know %s: Sluice is not installed in it, or not in this version (kubectl get crd -l app.kubernetes.io/part-of=sluice)",
			unknownKind.GroupKind)
	case clientcmd.IsEmptyConfig(err):
		return "error: no cluster is configured: set KUBECONFIG, or name a file with --kubeconfig"
	case errors.As(err, &refused):
		return serverError(refused, err)
	case errors.As(err, &dial) && utilnet.IsConnectionRefused(dial):
		return fmt.Sprintf("The connection to the server %s was refused - did you specify the right host or port?", host(dial.URL))
	case errors.As(err, &dial):
		return "Unable to connect to the server: " + strings.TrimPrefix(dial.Err.Error(), "dial ")
	}
	return "error: " + err.Error()
}

// serverError says what the API server said, as it is.
func serverError(refused *apierrors.StatusError, err error) string {
	reason := refused.ErrStatus.Reason
	if reason == metav1.StatusReasonUnknown {
		return "Error from server: " + err.Error()
	}
	return fmt.Sprintf("Error from server (%s): %s", reason, err.Error())
}

func host(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// missing says in which namespace something was looked for, and how to list what is there; any other error stays.
func missing(err error, kind, name, namespace string) error {
	if !apierrors.IsNotFound(err) {
		return err
	}
	return fmt.Errorf("there is no %s %s in namespace %s; kubectl sluice get %ss -n %s lists those that are, -A those of all namespaces",
		kind, name, namespace, kind, namespace)
}

// unreadable says whether somebody may not see a thing, or whether it is not there: what is shown besides does not fail for it.
func unreadable(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
}
