package webhook

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

func seconds(numbers ...int) []time.Duration {
	pauses := make([]time.Duration, 0, len(numbers))
	for _, n := range numbers {
		pauses = append(pauses, time.Duration(n)*time.Second)
	}
	return pauses
}

func TestAnswers(t *testing.T) {
	later := says(202, `{"poll": "/runs/7"}`)
	passed := says(200, `{"result": "passed", "message": "214 checks", "url": "https://scanner.example.com/runs/7"}`)
	const yes = "214 checks (https://scanner.example.com/runs/7)"
	for name, c := range map[string]struct {
		replies []http.HandlerFunc
		want    string
		pauses  []time.Duration
	}{
		"now":               {[]http.HandlerFunc{passed}, "Passed after 1: " + yes, nil},
		"now, and it fails": {[]http.HandlerFunc{says(200, `{"result": "failed", "message": "2 critical"}`)}, "Failed after 1: 2 critical", nil},
		"now, in one word":  {[]http.HandlerFunc{says(200, `{"result": "passed"}`)}, "Passed after 1: ", nil},
		"with more than we know": {[]http.HandlerFunc{says(200, `{"result": "passed", "score": 9.5, "findings": [{"id": 1}]}`)},
			"Passed after 1: ", nil},
		"later":               {[]http.HandlerFunc{later, says(202, ""), passed}, "Passed after 3: " + yes, seconds(10, 10)},
		"later, and it fails": {[]http.HandlerFunc{later, says(200, `{"result": "failed"}`)}, "Failed after 2: ", seconds(10)},
		"later, by a Location": {[]http.HandlerFunc{says(202, "", "Location: /runs/7"), passed},
			"Passed after 2: " + yes, seconds(10)},
		"later than pollSeconds": {[]http.HandlerFunc{says(202, `{"poll": "/runs/7"}`, "Retry-After: 25"), passed}, "Passed after 2: " + yes, seconds(25)},
		"later, and it asks to be asked at once": {[]http.HandlerFunc{says(202, `{"poll": "/runs/7"}`, "Retry-After: 0"), passed},
			"Passed after 2: " + yes, seconds(10)},
		"never": {[]http.HandlerFunc{later}, "None after 7: no answer within 1m0s: the answer comes later", seconds(10, 10, 10, 10, 10, 10)},
		"never, with a message": {[]http.HandlerFunc{later, says(202, `{"message": "12 of 214\nchecks"}`)},
			"None after 7: no answer within 1m0s: the answer comes later: 12 of 214 checks", seconds(10, 10, 10, 10, 10, 10)},
		"just in time":      {[]http.HandlerFunc{later, later, later, later, later, later, passed}, "Passed after 7: " + yes, seconds(10, 10, 10, 10, 10, 10)},
		"in trouble":        {[]http.HandlerFunc{says(500, "oops"), says(503, ""), says(429, ""), passed}, "Passed after 4: " + yes, seconds(1, 2, 4)},
		"hangs up":          {[]http.HandlerFunc{hangUp, passed}, "Passed after 2: " + yes, seconds(1)},
		"hangs up on polls": {[]http.HandlerFunc{later, hangUp, says(502, ""), passed}, "Passed after 4: " + yes, seconds(10, 10, 10)},
		"busy for 20 s":     {[]http.HandlerFunc{says(503, "", "Retry-After: 20"), passed}, "Passed after 2: " + yes, seconds(20)},
		"busy until a date": {[]http.HandlerFunc{says(503, "", "Retry-After: Sat, 01 Aug 2026 12:00:30 GMT"), passed}, "Passed after 2: " + yes, seconds(30)},
		"busy since a date": {[]http.HandlerFunc{says(503, "", "Retry-After: Sat, 01 Aug 2026 11:00:00 GMT"), passed}, "Passed after 2: " + yes, seconds(1)},
		"busy for ever": {[]http.HandlerFunc{says(503, "closed\nfor today", "Retry-After: 86400")},
			"None after 2: no answer within 1m0s: it answered 503 Service Unavailable: closed", seconds(60)},
		"dead": {[]http.HandlerFunc{says(500, "oops")}, "None after 7: no answer within 1m0s: it answered 500 Internal Server Error: oops", seconds(1, 2, 4, 8, 16, 29)},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{replies: c.replies}
			b := makeCaller(r.open(t, false).URL + "/gate")
			f, err := b.Obj().Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if told(f) != c.want || !slices.Equal(b.clock.Pauses, c.pauses) {
				t.Errorf("%s, paused %v\nwant %s, %v", told(f), b.clock.Pauses, c.want, c.pauses)
			}
			if (f.AnswerTime == nil) != (f.Answer == v1alpha1.AnswerNone) || f.EventID != "sl-0123456789abcdef0123" || !strings.HasPrefix(f.Receiver, "127.0.0.1:") {
				t.Errorf("%+v", f)
			}
			if lines := strings.Count(b.progress.String(), "\n"); lines != len(r.got) {
				t.Errorf("%d requests, printed\n%s", len(r.got), b.progress)
			}
		})
	}
}

// What is no answer passes nothing, and is not asked for again.
func TestWhatIsNoAnswer(t *testing.T) {
	const unread = "the answer cannot be read: "
	for name, c := range map[string]struct {
		reply http.HandlerFunc
		want  string
	}{
		"a page":                 {says(200, "<html>Welcome</html>"), unread + `the body is no JSON object such as {"result": "passed"}`},
		"nothing":                {says(200, ""), unread + "the body is no JSON object"},
		"null":                   {says(200, "null"), unread + "there is no result: write passed or failed"},
		"another object":         {says(200, `{"status": "ok"}`), unread + "there is no result"},
		"another word":           {says(200, `{"result": "ok"}`), unread + `result is "ok", and has to be passed or failed`},
		"the word in capitals":   {says(200, `{"result": "Passed"}`), unread + `result is "Passed"`},
		"the name in capitals":   {says(200, `{"Result": "passed"}`), unread + "there is no result"},
		"two results":            {says(200, `{"result": "failed", "result": "passed"}`), unread + `duplicate field "result"`},
		"a result that is none":  {says(200, `{"result": true}`), unread + "the body is no JSON object"},
		"a list":                 {says(200, `[{"result": "passed"}]`), unread + "the body is no JSON object"},
		"two objects":            {says(200, `{"result": "passed"}{"result": "failed"}`), unread + "the body is no JSON object"},
		"compressed":             {says(200, "\x1f\x8b\x08", "Content-Encoding: gzip"), unread},
		"a message that is none": {says(200, `{"result": "passed", "message": {}}`), unread},
		"a script as its report": {says(200, `{"result": "passed", "url": "javascript:alert(1)"}`), unread + `url is "javascript:alert(1)", and has to be an http or https URL`},
		"a report with a user":   {says(200, `{"result": "passed", "url": "https://example.com@evil.example"}`), unread + "url is"},
		"a long report":          {says(200, `{"result": "passed", "url": "https://example.com/`+strings.Repeat("a", 1024)+`"}`), unread + "url is"},
		"a result and poll":      {says(200, `{"result": "passed", "poll": "/runs/7"}`), unread + "there is a result and poll"},
		"a result with 202":      {says(202, `{"result": "passed", "poll": "/runs/7"}`), unread + "there is a result with 202"},
		"later, nowhere":         {says(202, ""), "it answered 202, and not where it can be asked: write poll, or a Location"},
		"later, on a page":       {says(202, "<html>"), unread},
		"later, at another host": {says(202, `{"poll": "http://metadata.example/"}`), unread + `poll is "http://metadata.example/", and only URLs at http://127.0.0.1:`},
		"later, at another port": {says(202, `{"poll": "http://127.0.0.1:1/"}`), unread + "poll is"},
		"later, over TLS alone":  {says(202, "", "Location: https://127.0.0.1/"), unread + "poll is"},
		"later, with a user":     {says(202, `{"poll": "//user@HOST/runs/7"}`), unread + "poll is"},
		"later, at no URL":       {says(202, `{"poll": "http://%zz"}`), unread + `poll "http://%zz" is no URL`},
		"later, far away":        {says(202, `{"poll": "/`+strings.Repeat("a", 1024)+`"}`), unread + "poll has 1025 characters, and 1024 are the most"},
		"created":                {says(201, `{"result": "passed"}`), "it answered 201 Created, which says nothing: 200 with a result is an answer"},
		"no content":             {says(204, ""), "it answered 204 No Content, which says nothing"},
		"a redirect":             {says(307, "", "Location: http://169.254.169.254/latest"), `it answered 307 Temporary Redirect, a redirect to "http://169.254.169.254/latest", and redirects are not followed`},
		"not allowed":            {says(401, "no such token\nat all"), "it answered 401 Unauthorized: no such token"},
		"not there":              {says(404, `{"result": "passed"}`), `it answered 404 Not Found: {"result": "passed"}`},
		"an unknown status":      {says(499, ""), "it answered 499"},
		"a large answer":         {says(200, `{"result": "passed", "message": "`+strings.Repeat("a", maxBody)+`"}`), "the answer has more than 64 KiB"},
		"a large refusal":        {says(400, strings.Repeat("\x1b[31mno ", 1<<20)), "it answered 400 Bad Request: [31mno"},
		"an endless answer":      {endless, "the answer has more than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{}
			server := r.open(t, false)
			r.replies = []http.HandlerFunc{c.reply, says(200, `{"result": "passed"}`)}
			f, err := makeCaller(server.URL).Obj().Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if f.Answer != v1alpha1.AnswerNone || *f.Requests != 1 || !strings.HasPrefix(f.Message, c.want) || len(f.Message) > 512 || f.URL != "" {
				t.Errorf("%s\nwant None after 1: %s", told(f), c.want)
			}
		})
	}
}

// A question for the answer is read as the answer is.
func TestPollsAreReadAsAnswersAre(t *testing.T) {
	for name, c := range map[string]struct {
		reply http.HandlerFunc
		want  string
	}{
		"gone":                  {says(410, ""), "it answered 410 Gone"},
		"a redirect":            {says(303, "", "Location: /runs/8"), "it answered 303 See Other"},
		"elsewhere from now on": {says(202, `{"poll": "http://metadata.example/"}`), "the answer cannot be read: poll is"},
		"another word":          {says(200, `{"result": "running"}`), `the answer cannot be read: result is "running"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{replies: []http.HandlerFunc{says(202, `{"poll": "/runs/7"}`), c.reply, says(200, `{"result": "passed"}`)}}
			f, err := makeCaller(r.open(t, false).URL).Obj().Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if f.Answer != v1alpha1.AnswerNone || *f.Requests != 2 || !strings.HasPrefix(f.Message, c.want) {
				t.Errorf("%s\nwant None after 2: %s", told(f), c.want)
			}
		})
	}
}

// Every request is signed, with the id of the attempt; what is repeated is the same to the letter.
func TestRequests(t *testing.T) {
	r := &receiver{replies: []http.HandlerFunc{says(500, ""), says(202, `{"poll": "/runs/7?part=1#end"}`), says(202, `{"poll": "/runs/8"}`), says(200, `{"result": "passed"}`)}}
	server := r.open(t, false)
	b := makeCaller(server.URL+"/$(SLUICE_NAMESPACE)/gate?of=sluice").Variable("WEBHOOK_HEADER_1", "Bearer open-sesame\n").With(func(c *Caller) {
		value := "of $(SLUICE_NAMESPACE)"
		c.Task.Gate.Headers = []v1alpha1.LoadHeader{
			{Name: "X-Team", Value: &value}, {Name: "Authorization", SecretKeyRef: v1alpha1.SecretKeyReference{Name: "s", Key: "token"}},
		}
	})
	if _, err := b.Obj().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	verifier, err := standardwebhooks.NewWebhook(strings.TrimSpace(secret))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for i, got := range r.got {
		asked = append(asked, got.method+" "+got.path)
		if err := verifier.VerifyIgnoringTimestamp([]byte(got.body), got.header); err != nil {
			t.Errorf("request %d: %v", i+1, err)
		}
		if err := verifier.VerifyIgnoringTimestamp([]byte(got.body+" "), got.header); err == nil {
			t.Errorf("request %d: another body has the same signature", i+1)
		}
		if got.header.Get("Webhook-Id") != "sl-0123456789abcdef0123" || got.header.Get("Authorization") != "Bearer open-sesame" || got.header.Get("X-Team") != "of shop-test" ||
			got.header.Get("Accept") != "application/json" || got.header.Get("User-Agent") != "sluice-webhook" {
			t.Errorf("request %d has %v", i+1, got.header)
		}
	}
	if want := []string{"POST /shop-test/gate?of=sluice", "POST /shop-test/gate?of=sluice", "GET /runs/7?part=1", "GET /runs/8"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	if r.got[0].body != r.got[1].body || r.got[2].body != "" {
		t.Errorf("sent %q, then %q, and asked with %q", r.got[0].body, r.got[1].body, r.got[2].body)
	}
	if r.got[0].header.Get("Webhook-Timestamp") != "1785585600" || r.got[1].header.Get("Webhook-Timestamp") != "1785585601" {
		t.Errorf("signed at %s and %s", r.got[0].header.Get("Webhook-Timestamp"), r.got[1].header.Get("Webhook-Timestamp"))
	}
	if kind := r.got[0].header.Get("Content-Type"); kind != "application/cloudevents+json; charset=UTF-8" {
		t.Errorf("the event is %s", kind)
	}
	if strings.Contains(b.progress.String(), "open-sesame") {
		t.Errorf("printed %s", b.progress)
	}
}

func TestEvent(t *testing.T) {
	r := &receiver{replies: []http.HandlerFunc{says(200, `{"result": "passed"}`)}}
	if _, err := makeCaller(r.open(t, false).URL).Obj().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","type":"dev.sluice.gate.v1alpha1","source":"/apis/sluice.dev/v1alpha1/namespaces/shop/promotions/checkout-1.4.2",` +
		`"subject":"test/scan","id":"sl-0123456789abcdef0123","time":"2026-08-01T12:00:00Z","datacontenttype":"application/json","data":{` +
		`"promotion":"shop/checkout-1.4.2","pipeline":"shop/checkout","environment":"test","namespace":"shop-test","releaseHash":"` + strings.Repeat("7f3a", 16) + `",` +
		`"images":[{"name":"api","repository":"registry.example.com/shop/api","digest":"sha256:` + strings.Repeat("a", 64) + `"}],"gate":"scan","attempt":1}}`
	if r.got[0].body != want {
		t.Errorf("sent %s\nwant %s", r.got[0].body, want)
	}
	var decoded map[string]any
	if err := json.Unmarshal([]byte(r.got[0].body), &decoded); err != nil {
		t.Error(err)
	}
}

// What does not change by itself is said at once; the rest is tried until the time is over.
func TestConnections(t *testing.T) {
	passed := []http.HandlerFunc{says(200, `{"result": "passed"}`)}
	dead, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + dead.Addr().String()
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	verified := func(pem string) func(*Caller) {
		return func(c *Caller) { c.Task.Gate.TLS = v1alpha1.GateTLS{CertificateAuthorities: pem} }
	}
	secure, plain, slow := (&receiver{replies: passed}).open(t, true), (&receiver{replies: passed}).open(t, false),
		(&receiver{replies: []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}}).open(t, false)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	for name, c := range map[string]struct {
		url    string
		change func(*Caller)
		want   string
	}{
		"a certificate that is trusted": {secure.URL, verified(authority), "Passed after 1: "},
		"a certificate of nobody":       {secure.URL, verified(""), "None after 1: tls: failed to verify certificate: x509"},
		"a certificate that is skipped": {secure.URL, nil, "Passed after 1: "},
		"the certificate of another name": {strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), verified(authority),
			"None after 1: tls: failed to verify certificate: x509: certificate is valid for example.com"},
		"a private address": {plain.URL, func(c *Caller) { c.Task.Networks = nil },
			"None after 1: url leads to 127.0.0.1, which is a private address: whoever holds unlock on the Environment may let webhooks call it, with webhookNetworks: [127.0.0.1/32]"},
		"a name of a private address": {strings.Replace(plain.URL, "127.0.0.1", "localhost", 1), func(c *Caller) { c.Task.Networks = []string{"10.0.0.0/8"} },
			"None after 1: url leads to "},
		"nobody listens":        {closed, func(c *Caller) { c.Task.TimeoutSeconds = 3 }, "None after 3: no answer within 3s: dial tcp"},
		"no such name":          {"http://receiver.invalid", func(c *Caller) { c.Task.TimeoutSeconds = 3 }, "None after 3: no answer within 3s: dial tcp: lookup receiver.invalid"},
		"http where TLS is due": {strings.Replace(plain.URL, "http:", "https:", 1), func(c *Caller) { c.Task.TimeoutSeconds = 3 }, "None after 3: no answer within 3s: http: server gave HTTP response to HTTPS client"},
		"too slow":              {slow.URL, func(c *Caller) { c.Task.TimeoutSeconds, c.Task.Gate.RequestTimeoutSeconds = 1, 1 }, "None after 2: no answer within 1s: it did not answer within 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			b := makeCaller(c.url)
			if c.change != nil {
				b.With(c.change)
			}
			f, err := b.Obj().Run(t.Context())
			if err != nil || !strings.HasPrefix(told(f), c.want) {
				t.Errorf("%v: %s\nwant %s", err, told(f), c.want)
			}
		})
	}
}

// A gate that is wrong is said to be, and nobody is asked.
func TestWrongTasks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*callerBuilder)
		want   string
	}{
		"no key":          {func(b *callerBuilder) { b.Variable("WEBHOOK_SIGNING_KEY", "") }, "signingKey: the Secret holds no key there; write whsec_ and 24 to 64 random bytes"},
		"a word as key":   {func(b *callerBuilder) { b.Variable("WEBHOOK_SIGNING_KEY", "open-sesame") }, "signingKey: "},
		"a short key":     {func(b *callerBuilder) { b.Variable("WEBHOOK_SIGNING_KEY", "whsec_b3Blbi1zZXNhbWU=") }, "signingKey: "},
		"a broken key":    {func(b *callerBuilder) { b.Variable("WEBHOOK_SIGNING_KEY", "whsec_open-sesame!!") }, "signingKey: "},
		"a variable":      {func(b *callerBuilder) { b.c.Task.Gate.URL += "$(SLUICE_NOWHERE)" }, "url: SLUICE_NOWHERE is not set"},
		"the key in url":  {func(b *callerBuilder) { b.c.Task.Gate.URL += "$(WEBHOOK_SIGNING_KEY)$(SLUICE_NOWHERE)" }, "url: SLUICE_NOWHERE is not set"},
		"http":            {func(b *callerBuilder) { b.c.Task.Gate.TLS = v1alpha1.GateTLS{} }, "url: over http nobody knows who answers"},
		"another scheme":  {func(b *callerBuilder) { b.c.Task.Gate.URL = "ftp://127.0.0.1/" }, "url: write https://host/path, without a user"},
		"a user":          {func(b *callerBuilder) { b.c.Task.Gate.URL = "https://u:p@127.0.0.1/" }, "url: write https://host/path, without a user"},
		"no URL":          {func(b *callerBuilder) { b.c.Task.Gate.URL = "https://%zz" }, "url: it is no URL"},
		"a network":       {func(b *callerBuilder) { b.c.Task.Networks = []string{"10.0.0.0"} }, "webhookNetworks: "},
		"no authorities":  {func(b *callerBuilder) { b.c.Task.Gate.TLS.CertificateAuthorities = "x" }, "tls.certificateAuthorities holds no certificate"},
		"a header":        {func(b *callerBuilder) { b.header("$(SLUICE_NOWHERE)") }, "header X-A: SLUICE_NOWHERE is not set"},
		"lines in header": {func(b *callerBuilder) { b.header(""); b.Variable("WEBHOOK_HEADER_0", "open-sesame\nX-B: c") }, "header X-A: its value holds characters that no header may"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{replies: []http.HandlerFunc{says(200, `{"result": "passed"}`)}}
			b := makeCaller(r.open(t, false).URL + "/")
			c.change(b)
			if f, err := b.Obj().Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "open-sesame") {
				t.Errorf("%v, %v, want %s", f, err, c.want)
			}
			if len(r.got) > 0 {
				t.Errorf("asked %v", r.got)
			}
		})
	}
}

// header gives the gate one: a text, or what comes from the Secret.
func (b *callerBuilder) header(text string) {
	header := v1alpha1.LoadHeader{Name: "X-A"}
	if text != "" {
		header.Value = &text
	}
	b.c.Task.Gate.Headers = []v1alpha1.LoadHeader{header}
}

func TestStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := &receiver{replies: []http.HandlerFunc{says(202, `{"poll": "/runs/7"}`)}}
	b := makeCaller(r.open(t, false).URL).With(func(c *Caller) {
		pause := c.Pause
		c.Pause = func(ctx context.Context, d time.Duration) error {
			stop()
			return pause(ctx, d)
		}
	})
	if f, err := b.Obj().Run(ctx); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "stopped after 1 requests") {
		t.Errorf("%v, %v", f, err)
	}
	// One that is stopped before it began to wait.
	if f, err := makeCaller("http://127.0.0.1:1").Obj().Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", f, err)
	}
}

func TestWithoutAPauseOfItsOwnItWaits(t *testing.T) {
	r := &receiver{replies: []http.HandlerFunc{says(202, `{"poll": "/"}`), says(200, `{"result": "passed"}`)}}
	b := makeCaller(r.open(t, false).URL).With(func(c *Caller) { c.Pause, c.Task.Gate.PollSeconds = nil, 1 })
	if f, err := b.Obj().Run(t.Context()); err != nil || told(f) != "Passed after 2: " {
		t.Errorf("%v, %+v", err, f)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, text := range []string{`{"result": "passed", "message": "m", "url": "https://example.com/a"}`, `{"result": "failed", "result": "passed"}`, `{"Result": "passed"}`, `{"poll": "//x/y"}`, `[]`, "null", "\xff"} {
		f.Add(text, "/runs/7")
	}
	f.Add(`{}`, "https://scanner.example.com:443@evil.example/")
	f.Add(`{}`, `\\evil.example`)
	at := &url.URL{Scheme: "https", Host: "scanner.example.com", Path: "/gate"}
	f.Fuzz(func(t *testing.T, text, location string) {
		a, err := readAnswer([]byte(text))
		if err != nil {
			a = answer{}
		}
		if figures, err := a.verdict(); err == nil {
			// A stranger's reader of JSON, which takes the last of several names, says the same.
			var plain map[string]any
			if err := json.Unmarshal([]byte(text), &plain); err != nil || fmt.Sprint(plain["result"]) != strings.ToLower(string(figures.Answer)) {
				t.Errorf("%q is taken for %s", text, figures.Answer)
			}
			if len(figures.Message) > 512 || len(figures.URL) > 1024 || strings.ContainsAny(figures.Message+figures.URL, "\n\x1b") {
				t.Errorf("%q gives %+v", text, figures)
			}
		}
		poll, err := pollAt(at, a, location)
		if err == nil && poll != nil && (poll.Scheme != "https" || !strings.EqualFold(poll.Hostname(), "scanner.example.com") || poll.Port() != "" && poll.Port() != "443" || poll.User != nil) {
			t.Errorf("%q and %q lead to %s", text, location, poll)
		}
	})
}
