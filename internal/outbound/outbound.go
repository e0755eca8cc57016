// Package outbound is what gates share that call others over the network: variables in what they send, and how they verify
// who answers.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// variable is how a text refers to something that only the run knows.
var variable = regexp.MustCompile(`\$\((SLUICE_[A-Z0-9_]+)\)`)

// Lookup finds the value of an environment variable.
type Lookup func(name string) (string, bool)

// Expand replaces variables in a text; one that is not set is an error, as something else would be sent than was meant.
func Expand(text string, lookup Lookup) (string, error) {
	var missing error
	expanded := variable.ReplaceAllStringFunc(text, func(reference string) string {
		name := variable.FindStringSubmatch(reference)[1]
		value, found := lookup(name)
		if !found {
			missing = fmt.Errorf("%s is not set; docs/concepts.md lists the variables of a gate", name)
		}
		return value
	})
	return expanded, missing
}

// TLS makes the configuration with which a gate verifies who answers.
func TLS(spec v1alpha1.GateTLS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: spec.Verification == v1alpha1.SkipTLS}
	if pem := spec.CertificateAuthorities; pem != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, errors.New("tls.certificateAuthorities holds no certificate; write them as PEM")
		}
	}
	return config, nil
}

// Pause waits for a time, or until the context is over.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
