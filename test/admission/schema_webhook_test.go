package admission_test

import (
	"strings"
	"testing"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	knownReceiver = "over http nobody knows who answers: write an https URL, or say that this is meant with tls: {verification: Skip}"
	receiverURL   = "write https://host/path, without a user, a fragment or spaces; a token goes into headers"
	ownHeaders    = "Host, Accept, Content-Type, those of the connection and Webhook-... are set by Sluice: leave them out"
	askedInTime   = "the answer would never be asked for: write pollSeconds that are less than timeoutSeconds (600 where it is left out)"
	networks      = "write networks such as 10.20.0.0/16, 10.96.12.7/32 or fd00:20::/64, without bits beyond the length, and not wider than /8 (/32 of IPv6)"
)

const (
	webhookURL = `url: "https://scanner.example.com/sluice"`
	webhookKey = `signingKey: {name: s, key: k}`
)

// webhookGates are the gates of an Environment: one, with a webhook.
func webhookGates(inner string) string {
	return `[{name: g, purpose: Security, webhook: {` + inner + `}}]`
}

func badWebhooks() []schemaCase {
	gates := func(inner, says string) schemaCase {
		return schemaCase{"environment", "gates", webhookGates(inner), says}
	}
	whole := func(more, says string) schemaCase {
		return gates(webhookURL+`, `+webhookKey+`, `+more, says)
	}
	to := func(url, says string) schemaCase { return gates(`url: "`+url+`", `+webhookKey, says) }
	timed := func(fields, more, says string) schemaCase {
		return schemaCase{"environment", "gates", `[{name: g, purpose: Other, ` + fields + ` webhook: {` + webhookURL + `, ` + webhookKey + more + `}}]`, says}
	}
	reach := func(list, says string) schemaCase { return schemaCase{"environment", "webhookNetworks", list, says} }
	return []schemaCase{
		gates(webhookKey, "url: Required value"),
		gates(webhookURL, "signingKey: Required value"),
		gates(webhookURL+`, signingKey: {name: s}`, "key: Required value"),
		to("http://scanner.example.com/sluice", knownReceiver),
		gates(`url: "http://scanner.example.com", tls: {verification: Verify}, `+webhookKey, knownReceiver),
		to("scanner.example.com", receiverURL),
		to("https://user:password@scanner.example.com/", receiverURL),
		to("https://scanner.example.com/#part", receiverURL),
		to("https://scanner.example.com/a b", receiverURL),
		to("ftp://scanner.example.com/", receiverURL),
		whole(`tls: {}`, "tls"),
		whole(`headers: [{name: Host, value: internal}]`, ownHeaders),
		whole(`headers: [{name: webhook-signature, value: "v1,AAAA"}]`, ownHeaders),
		whole(`headers: [{name: content-type, value: text/plain}]`, ownHeaders),
		whole(`headers: [{name: Transfer-Encoding, value: chunked}]`, ownHeaders),
		whole(`headers: [{name: Authorization}]`, "write exactly one of value and secretKeyRef"),
		whole(`headers: [{name: "A: b", value: x}]`, "write letters, digits and dashes"),
		whole(`headers: [{name: A, value: "b\nc"}]`, "write one line"),
		whole(`headers: []`, "should have at least 1 items"),
		whole(`pollSeconds: 0`, "pollSeconds"),
		whole(`pollSeconds: 600`, askedInTime),
		whole(`requestTimeoutSeconds: 61`, "should be less than or equal to 60"),
		timed(`timeoutSeconds: 30,`, `, pollSeconds: 30`, askedInTime),
		timed(`soak: {durationSeconds: 1},`, ``, oneKindOfGate),

		reach(`["10.20.0.0"]`, networks),
		reach(`["10.20.0.1/16"]`, networks),
		reach(`["0.0.0.0/0"]`, networks),
		reach(`["10.0.0.0/7"]`, networks),
		reach(`["::/0"]`, networks),
		reach(`["fd00::/31"]`, networks),
		reach(`["receiver.tools.svc"]`, networks),
		reach(`["10.20.0.0/16", "10.20.0.0/16"]`, "Duplicate value"),
		reach(`[]`, "should have at least 1 items"),
	}
}

// What is written as docs/gates.md says is taken.
func TestWebhookGatesThatAreRight(t *testing.T) {
	namespace := open(t, "schema-webhook")
	for _, gates := range []string{
		webhookGates(webhookURL + `, ` + webhookKey),
		webhookGates(`url: "http://receiver.$(SLUICE_NAMESPACE).svc:8080/gate?of=sluice", tls: {verification: Skip}, pollSeconds: 599, requestTimeoutSeconds: 60, ` + webhookKey +
			`, headers: [{name: X-Team, value: "$(SLUICE_PIPELINE)"}, {name: Authorization, secretKeyRef: {name: s, key: token}}, {name: Hostname, value: x}]`),
		`[{name: g, purpose: Other, timeoutSeconds: 31, onInconclusive: Hold, webhook: {` + webhookURL + `, ` + webhookKey + `, pollSeconds: 30}}]`,
	} {
		t.Run(gates, func(t *testing.T) {
			object := schemaCase{object: "environment", field: "gates", value: gates}.spoil(t, MakeEnvironment(namespace, v1alpha1.TierTest).Obj())
			if err := admin.Create(t.Context(), object, dryRun); err != nil {
				t.Error(err)
			}
		})
	}
	for _, list := range []string{`["10.20.0.0/16", "10.96.12.7/32", "10.0.0.0/8", "fd00:20::/64", "fd00::/32", "::1/128"]`, `["` + strings.Repeat("ffff:", 7) + `ffff/128"]`} {
		t.Run(list, func(t *testing.T) {
			object := schemaCase{object: "environment", field: "webhookNetworks", value: list}.spoil(t, MakeEnvironment(namespace, v1alpha1.TierTest).Obj())
			if err := admin.Create(t.Context(), object, dryRun); err != nil {
				t.Error(err)
			}
		})
	}
}
