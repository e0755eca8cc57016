package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// documented is the one code block of docs/gates.md in a language that holds a text.
func documented(t *testing.T, language, text string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "gates.md"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range strings.Split(string(page), "\n```"+language+"\n")[1:] {
		if code, _, _ := strings.Cut(block, "\n```\n"); strings.Contains(code, text) {
			found = append(found, code)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d blocks of %s hold %q, want one", len(found), language, text)
	}
	return found[0]
}

func TestTheEventIsAsDocumented(t *testing.T) {
	c := makeCaller("").Obj()
	sent, err := newEvent(c.Task, c.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(sent, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(documented(t, "json", "specversion")), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it sends\n%s\nand docs/gates.md says\n%v", sent, want)
	}
}

// The commands that docs/gates.md gives to receivers compute the signature that is sent.
func TestTheSignatureIsAsDocumented(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl here")
	}
	c := makeCaller("").Obj()
	body, err := newEvent(c.Task, c.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSigner(secret, c.Task.ID)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	s.sign(header, c.Clock.Now(), body)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "body"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-eu", "-c", documented(t, "sh", "openssl dgst"))
	shell.Dir = dir
	shell.Env = append(os.Environ(), "SIGNING_KEY="+strings.TrimSpace(secret),
		"WEBHOOK_ID="+header.Get(idHeader), "WEBHOOK_TIMESTAMP="+header.Get(timestampHeader))
	var complaints bytes.Buffer
	shell.Stderr = &complaints
	computed, err := shell.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &complaints)
	}
	if got, want := "v1,"+strings.TrimSpace(string(computed)), header.Get(signatureHeader); got != want {
		t.Errorf("the commands compute %s, and it is signed with %s", got, want)
	}
}
