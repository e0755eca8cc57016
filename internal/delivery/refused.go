package delivery

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// ErrRefused means that the API server understood a write and refuses it, until somebody changes something.
// The error that wraps it is a *RefusedError.
var ErrRefused = errors.New("refused by the API server")

// ErrPinPropagating means that a workload was touched and an API server answered that does not know the pins yet.
var ErrPinPropagating = errors.New("the pin has not reached every API server yet")

// RefusedError is a refusal, with what a status shows of it.
type RefusedError struct {
	reason string
	err    error
}

// Reason is PermissionMissing where RBAC refused, AdmissionRefused where a policy, a webhook, a quota or the schema did.
func (e *RefusedError) Reason() string { return e.reason }

// Error tells what the API server said.
func (e *RefusedError) Error() string { return e.err.Error() }

// Unwrap makes both ErrRefused and the API server's error known to errors.Is.
func (e *RefusedError) Unwrap() []error { return []error{ErrRefused, e.err} }

// explain adds what was tried to an error, and tells refusals from what may be tried again.
func explain(err error, format string, arguments ...any) error {
	wrapped := fmt.Errorf(format+": %w", append(arguments, err)...)
	switch {
	case apierrors.IsForbidden(err) && forbiddenByRBAC(err):
		return &RefusedError{reason: v1alpha1.ReasonPermissionMissing, err: wrapped}
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return &RefusedError{reason: v1alpha1.ReasonAdmissionRefused, err: wrapped}
	}
	return wrapped
}

// forbiddenByRBAC goes by the text, as a refusal by an authorizer has the same code and reason as one by admission.
func forbiddenByRBAC(err error) bool {
	_, denial, found := strings.Cut(err.Error(), `User "`)
	return found && strings.Contains(denial, `" cannot `) && strings.Contains(denial, " resource ")
}
