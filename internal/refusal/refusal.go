// Package refusal tells what the API server refuses until somebody changes something from what may be tried again.
package refusal

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// ErrRefused means that a write was understood and is refused. The error that wraps it is an *Error.
var ErrRefused = errors.New("refused")

// Error is a refusal, with what a status shows of it.
type Error struct {
	reason string
	err    error
}

// New makes a refusal of an error, with one of the API's reasons.
func New(reason string, err error) *Error { return &Error{reason: reason, err: err} }

// Reason to show in a status.
func (e *Error) Reason() string { return e.reason }

// Error tells what was refused, and why.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap makes both ErrRefused and the cause known to errors.Is.
func (e *Error) Unwrap() []error { return []error{ErrRefused, e.err} }

// Explain adds what was tried to an error of the API server. Where RBAC refused it becomes a refusal with the reason
// PermissionMissing, and where a policy, a webhook, a quota or the schema did, with the reason given. Nil stays nil.
func Explain(err error, reason, format string, arguments ...any) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf(format+": %w", append(arguments, err)...)
	switch {
	case apierrors.IsForbidden(err) && byRBAC(err):
		return New(v1alpha1.ReasonPermissionMissing, wrapped)
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return New(reason, wrapped)
	}
	return wrapped
}

// byRBAC goes by the text, as a refusal by an authorizer has the same code and reason as one by admission.
func byRBAC(err error) bool {
	_, denial, found := strings.Cut(err.Error(), `User "`)
	return found && strings.Contains(denial, `" cannot `) && strings.Contains(denial, " resource ")
}
