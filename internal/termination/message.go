// Package termination is what the programs share that leave a result in the termination message of their container: how
// much fits, how it is written, and how words of others are made fit to print in it. It is pure.
package termination

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// MaxBytes is how much of a message the kubelet keeps
// (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure).
const MaxBytes = 4096

// Encode writes figures as one line of JSON. Where they do not fit into MaxBytes, which only texts do that consist of what
// JSON escapes, it writes what shorten makes of them.
func Encode[T any](figures *T, shorten func(*T)) ([]byte, error) {
	text, err := encode(figures)
	if err != nil || len(text) <= MaxBytes {
		return text, err
	}
	short := *figures
	shorten(&short)
	return encode(&short)
}

func encode(figures any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // <, > and & would take six bytes each.
	err := encoder.Encode(figures)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// OneLine makes a text of others fit to print: one line, without control characters, at most so many bytes.
func OneLine(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	return v1alpha1.Clip(text, most)
}
