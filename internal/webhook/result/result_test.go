package result

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-dev/sluice/api/v1alpha1"
	"github.com/sluice-dev/sluice/internal/termination"
)

func figures() *v1alpha1.WebhookFigures {
	return &v1alpha1.WebhookFigures{
		Answer: v1alpha1.AnswerPassed, Message: "214 checks, <none> critical", URL: "https://scanner.example.com/runs/7?a=1&b=2", Receiver: "scanner.example.com:8443",
		Requests: new(int32(3)), EventID: "sl-0123456789abcdef0123", AnswerTime: &metav1.Time{Time: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC).Local()},
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

// Texts that JSON writes six times as long fit all the same, and a link is never cut.
func TestEncodeFitsIntoAMessage(t *testing.T) {
	f := figures()
	f.Message, f.Receiver, f.EventID = strings.Repeat("\u2028", MaxText/3), strings.Repeat("\x01", MaxReceiver), strings.Repeat("a", maxID)
	f.URL = "https://scanner.example.com/" + strings.Repeat("a", MaxURL-28)
	text, err := Encode(f)
	if err != nil || len(text) > termination.MaxBytes {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if got, err := Decode(string(text)); err != nil || got.Answer != v1alpha1.AnswerPassed || got.URL != f.URL {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                      "",
		"an error":                     "signingKey: the Secret holds no key there",
		"no answer":                    `{"requests":1}`,
		"another answer":               `{"answer":"passed","requests":1}`,
		"no count":                     `{"answer":"Passed"}`,
		"below zero":                   `{"answer":"None","requests":-1}`,
		"an answer without a request":  `{"answer":"Passed","requests":0}`,
		"a script as its report":       `{"answer":"Passed","requests":1,"url":"javascript:alert(1)"}`,
		"a report at a user's":         `{"answer":"Passed","requests":1,"url":"https://example.com@evil.example/"}`,
		"a report that hides its host": `{"answer":"Passed","requests":1,"url":"https://ex\u00adample.com/"}`,
		"two results":                  `{"answer":"Passed","requests":1}{"answer":"Passed","requests":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Decode(text); err == nil {
				t.Errorf("read %+v", got)
			}
		})
	}
}

// FuzzDecode shows that whatever a message holds, what is read of it fits the API.
func FuzzDecode(f *testing.F) {
	text, err := Encode(figures())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`{"answer":"None","requests":0,"message":"\u0000\nx","receiver":"` + strings.Repeat("\\u2028", 200) + `","eventID":"\u202e"}`)
	f.Add(`{"answer":"Passed","requests":2147483647,"url":"https://a\\b"}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Decode(text)
		if err != nil {
			return
		}
		if got.Answer != v1alpha1.AnswerNone && *got.Requests < 1 {
			t.Errorf("%s after %d requests", got.Answer, *got.Requests)
		}
		for text, most := range map[string]int{got.Message: MaxText, got.URL: MaxURL, got.Receiver: MaxReceiver, got.EventID: maxID} {
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
