package result

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

func figures() *v1alpha1.MetricFigures {
	return &v1alpha1.MetricFigures{
		Samples: new(int32(10)), Failed: new(int32(2)), ConsecutiveFailed: new(int32(1)), Missing: new(int32(3)), MissingReason: "no data",
		Last: "0.002", LastFailed: "0.031", Minimum: "0.001", Maximum: "0.031", Query: `rate(x{a="<b>"}[1m])`,
	}
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	text, err := Encode(figures())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(string(text))
	if err != nil || !reflect.DeepEqual(got, figures()) {
		t.Errorf("%+v, %v", got, err)
	}
}

// Texts that JSON writes six times as long fit all the same.
func TestEncodeFitsIntoAMessage(t *testing.T) {
	f := figures()
	f.Query, f.MissingReason = strings.Repeat("\x01", MaxQuery), strings.Repeat("\x02", MaxText)
	f.Last, f.LastFailed = strings.Repeat("9", maxShow), strings.Repeat("9", maxShow)
	text, err := Encode(f)
	if err != nil || len(text) > termination.MaxBytes {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if got, err := Decode(string(text)); err != nil || *got.Samples != 10 || *got.Failed != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                   "",
		"an error":                  "query: SLUICE_X is not set",
		"no counts":                 "{}",
		"a count is missing":        `{"samples":10,"failed":2,"consecutiveFailed":1}`,
		"below zero":                `{"samples":10,"failed":-2,"consecutiveFailed":-3,"missing":0}`,
		"more than there were":      `{"samples":10,"failed":6,"consecutiveFailed":1,"missing":5}`,
		"more than a number holds":  `{"samples":2147483647,"failed":2147483647,"consecutiveFailed":1,"missing":2147483647}`,
		"more in a row than failed": `{"samples":10,"failed":2,"consecutiveFailed":3,"missing":0}`,
		"two results":               `{"samples":1,"failed":0,"consecutiveFailed":0,"missing":0}{"samples":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Decode(text); err == nil {
				t.Errorf("read %+v", got)
			}
		})
	}
}

// FuzzDecode shows that whatever a message holds, what is read of it fits the API: counts that can be, and texts of one line.
func FuzzDecode(f *testing.F) {
	text, err := Encode(figures())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"samples":1,"failed":1,"consecutiveFailed":1,"missing":0,"last":"\u0000\nx","query":"` + strings.Repeat("\\u2028", 2000) + `"}`)
	f.Add(`{"samples":2147483647,"failed":2147483647,"consecutiveFailed":1,"missing":2147483647}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Decode(text)
		if err != nil {
			return
		}
		if seen := int64(*got.Samples) - int64(*got.Missing); *got.Missing < 0 || *got.ConsecutiveFailed < 0 || seen < int64(*got.Failed) || *got.Failed < *got.ConsecutiveFailed {
			t.Errorf("counts that cannot be: %d samples, %d failed, %d in a row, %d missing", *got.Samples, *got.Failed, *got.ConsecutiveFailed, *got.Missing)
		}
		for text, most := range map[string]int{got.Query: MaxQuery, got.MissingReason: MaxText, got.Last: maxShow, got.LastFailed: maxShow, got.Minimum: maxNumber, got.Maximum: maxNumber} {
			if len(text) > most || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r\t\x00\x1b") {
				t.Errorf("a text that does not fit: %q", text)
			}
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := Decode(string(again)); err != nil || !reflect.DeepEqual(twice, got) {
			t.Errorf("read again it is %+v, %v", twice, err)
		}
	})
}
