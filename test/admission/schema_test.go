package admission_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// schemaCase writes one bad value into a good object, and names what the refusal has to say.
type schemaCase struct {
	object string // pipeline, environment, promotion, rollback, record
	field  string // below spec, or metadata.name
	value  string // as YAML; "" removes the field
	says   string
}

const (
	withJUnit     = "with junit write scratch, the directory that the test may write its reports to, and command"
	withinScratch = "write a pattern of file names within scratch, such as reports/*.xml"
	lowerCase     = "write lower case letters, digits and dashes"
	imageName     = "write host/path in lower case, without tag and digest, such as registry.example.com/shop/api"
	gateImage     = "write host/path:tag or host/path@sha256:digest, in lower case"
	exactly64     = "write sha256: and 64 hexadecimal digits"
	oneKindOfGate = "write exactly one of job, load, metric, webhook, soak and templateRef"
	eitherFreeze  = "write either schedule and durationSeconds (it comes back), or fromTime and toTime (it is there once)"
	fiveFields    = "write five fields: minute, hour, day of month, month, day of week, such as 0 18 * * FRI"
	noneAlone     = "None stands alone"
	noMode        = "mode: None leaves no place for count and from: remove one of the two"
	whichImages   = "a Promotion needs images and no releaseHash; with intent: Rollback it needs releaseHash and environments, and no images"
)

func badPipelines() []schemaCase {
	gate := func(inner string) string {
		return `[{name: prod, environmentRef: {namespace: p}, gates: [{name: g, purpose: Other, ` + inner + `}]}]`
	}
	job := func(inner string) string { return gate(`job: {image: "r.example.com/t:1", ` + inner + `}`) }
	return []schemaCase{
		{"pipeline", "metadata.name", strings.Repeat("a", 64), "write a name of at most 63 characters: it becomes a label of records"},
		{"pipeline", "images", `[{name: a, repository: r.example.com/x}, {name: b, repository: r.example.com/x}]`, "each repository may be listed once"},
		{"pipeline", "images", `[{name: A_1, repository: r.example.com/x}]`, lowerCase},
		{"pipeline", "images", `[{name: a, repository: r.example.com/x:v1}]`, imageName},
		{"pipeline", "images", `[{name: a, repository: R.example.com/x}]`, imageName},
		{"pipeline", "images", `[{name: a, repository: shop/api}]`, imageName},
		{"pipeline", "images", `[{name: a, repository: "r.example.com:443/x"}]`, "leave :443 out: the same repository under two names could not be guarded"},
		{"pipeline", "environments", `[{name: a, environmentRef: {namespace: p}}, {name: b, environmentRef: {namespace: p}}]`, "each namespace may be listed once"},
		{"pipeline", "environments", `[{name: A_1, environmentRef: {namespace: p}}]`, lowerCase},
		{"pipeline", "environments", `[{name: a, environmentRef: {namespace: P}}]`, "write the name of a namespace: lower case letters, digits and dashes"},
		{"pipeline", "environments", `[{name: prod, environmentRef: {namespace: p}, gates: [{name: G, purpose: Other, soak: {durationSeconds: 1}}]}]`, lowerCase},
		{"pipeline", "environments", gate(`timeoutSeconds: 5`), oneKindOfGate},
		{"pipeline", "environments", gate(`job: {image: "r.example.com/t:1"}, soak: {durationSeconds: 1}`), oneKindOfGate},
		{"pipeline", "environments", gate(`soak: {durationSeconds: 1}, onInconclusive: Hold`), "a soak is never inconclusive: leave onInconclusive out"},
		{"pipeline", "environments", gate(`job: {image: "r.example.com/t:1"}, onInconclusive: Retry`), "onInconclusive: Retry repeats up to retries: write retries: 1 or more, or leave onInconclusive out"},
		{"pipeline", "environments", gate(`job: {image: "r.example.com/t:1"}, onInconclusive: Retry, retries: 0`), "onInconclusive: Retry repeats up to retries: write retries: 1 or more, or leave onInconclusive out"},
		{"pipeline", "environments", gate(`job: {image: "r.example.com/t:1"}, onInconclusive: Pass`), "Unsupported value"},
		{"pipeline", "environments", gate(`job: {image: r.example.com/t}`), gateImage},
		{"pipeline", "environments", gate(`job: {image: "R.example.com/t:1"}`), gateImage},
		{"pipeline", "environments", job(`scratch: tmp`), "write an absolute path other than /"},
		{"pipeline", "environments", job(`scratch: /.sluice/x`), "write an absolute path other than / and /.sluice"},
		{"pipeline", "environments", job(`junit: "*.xml", command: [t]`), withJUnit},
		{"pipeline", "environments", job(`junit: "*.xml", scratch: /out`), withJUnit},
		{"pipeline", "environments", job(`junit: "/out/*.xml", scratch: /out, command: [t]`), withinScratch},
		{"pipeline", "environments", job(`junit: "../*.xml", scratch: /out, command: [t]`), withinScratch},
		{"pipeline", "environments", job(`junit: "[", scratch: /out, command: [t]`), withinScratch},
		{"pipeline", "environments", job(`tolerance: {maxFailed: 1}`), "a tolerance is about tests in reports: write junit, where they are"},
		{"pipeline", "environments", job(`junit: "*.xml", scratch: /out, command: [t], tolerance: {maxFailedPercent: 100}`), "should be less than or equal to 99"},
		{"pipeline", "environments", job(`junit: "*.xml", scratch: /out, command: [t], tolerance: {}`), "should have at least 1 properties"},
		{"pipeline", "environments", job(`junit: "*.xml", scratch: /out, command: [t], tolerance: {mustPass: ["("]}`), "error parsing regexp"},
		{"pipeline", "environments", job(`env: [{name: A, value: x, secretKeyRef: {name: s, key: k}}]`), "write exactly one of value and secretKeyRef"},
		{"pipeline", "environments", job(`env: [{name: A-B, value: x}]`), "write letters, digits and underscores"},
		{"pipeline", "environments", job(`env: [{name: SLUICE_TARGET, value: x}]`), "names that begin with SLUICE_ are set by the operator"},
	}
}

func badEnvironments() []schemaCase {
	return []schemaCase{
		{"environment", "metadata.name", "production", "a namespace has one Environment, and its name is environment"},
		{"environment", "allowedImages", `["registry.example.com/mesh/*"]`, "write a prefix that ends in a slash (registry.example.com/mesh/) or an exact reference"},
		{"environment", "repositories", `[{from: r.example.com/shop, to: m.example.com/eu/}]`, "let from and to both be prefixes that end in a slash, or both be repositories"},
		{"environment", "repositories", `[{from: r.example.com/shop/, to: r.example.com/shop/}]`, "let to differ from from, or leave the entry out"},
		{"environment", "repositories", `[{from: "r.example.com/shop/api:v1", to: m.example.com/api}]`, "write host/path in lower case, without tag and digest, such as registry.example.com/shop/api"},
		{"environment", "repositories", `[{from: R.example.com/shop/, to: m.example.com/}]`, "such as registry.example.com/shop/"},
		{"environment", "repositories", `[{from: shop/api, to: m.example.com/api}]`, "write host/path in lower case"},
		{"environment", "repositories", `[{from: r.example.com/a, to: "m.example.com/api@sha256:` + hash("a") + `"}]`, "such as mirror.example.com/shop/api"},
		{"environment", "repositories", `[{from: "r.example.com:443/a/", to: m.example.com/}]`, "leave :443 out"},
		{"environment", "repositories", `[{from: docker.io/a/, to: "m.example.com:443/"}]`, "leave :443 out"},
		{"environment", "repositories", `[{from: index.docker.io/a/, to: m.example.com/}]`, "write docker.io instead of index.docker.io"},
		{"environment", "repositories", `[{from: r.example.com/a/, to: m.example.com/a/}, {from: r.example.com/a/, to: m.example.com/b/}]`, "Duplicate value"},
		{"environment", "repositories", `[{from: r.example.com/, to: m.example.com/a/}, {from: r.example.com/a/, to: m.example.com/b/}]`, "let no from lie below another"},
		{"environment", "repositories", `[{from: r.example.com/a/, to: m.example.com/}, {from: r.example.com/b/, to: m.example.com/}]`, "let each to be listed once"},
		{"environment", "repositories", `[{from: r.example.com/a/, to: m.example.com/}, {from: r.example.com/b, to: m.example.com/b}]`, "none lie below another"},
		{"environment", "repositories", `[{from: r.example.com/a/, to: m.example.com/}, {from: m.example.com/b/, to: n.example.com/}]`, "let no from and to lie below one another"},
		{"environment", "repositories", `[{from: r.example.com/, to: r.example.com/cache/}]`, "let no from and to lie below one another"},
		{"environment", "requires", `{evidenceMode: None, evidence: [{purpose: Stress}]}`, "evidenceMode: None leaves no place for evidence: remove one of the two"},
		{"environment", "requires", `{approvals: {mode: None, count: 2}}`, noMode},
		{"environment", "requires", `{approvals: {mode: None, from: [{kind: Group, name: qa}]}}`, noMode},
		{"environment", "requires", `{approvals: {excludes: [None, Requester]}}`, noneAlone},
		{"environment", "freezes", `[{name: f}]`, eitherFreeze},
		{"environment", "freezes", `[{name: f, schedule: "0 18 * * FRI"}]`, eitherFreeze},
		{"environment", "freezes", `[{name: f, durationSeconds: 3600, fromTime: "2026-08-03T12:00:00Z", toTime: "2026-08-03T13:00:00Z"}]`, eitherFreeze},
		{"environment", "freezes", `[{name: f, schedule: "0 18 * * FRI", durationSeconds: 3600, fromTime: "2026-08-03T12:00:00Z", toTime: "2026-08-03T13:00:00Z"}]`, eitherFreeze},
		{"environment", "freezes", `[{name: f, fromTime: "2026-08-03T12:00:00Z"}]`, eitherFreeze},
		{"environment", "freezes", `[{name: f, fromTime: "2026-08-03T13:00:00Z", toTime: "2026-08-03T13:00:00Z"}]`, "toTime must be later than fromTime"},
		{"environment", "freezes", `[{name: f, schedule: "@weekly", durationSeconds: 3600}]`, fiveFields},
		{"environment", "freezes", `[{name: f, schedule: "0 0 18 * * FRI", durationSeconds: 3600}]`, fiveFields},
		{"environment", "freezes", `[{name: f, schedule: "TZ=UTC 0 18 * * FRI", durationSeconds: 3600}]`, fiveFields},
		{"environment", "freezes", `[{name: f, schedule: "0 18 * * FRI", durationSeconds: 3600, timeZone: Local}]`, "write a name of the IANA time zone database, such as Europe/Berlin or UTC"},
		{"environment", "freezes", `[{name: f, schedule: "0 18 * * FRI", durationSeconds: 3600, timeZone: ../etc/passwd}]`, "write a name of the IANA time zone database, such as Europe/Berlin or UTC"},
		{"environment", "freezes", `[{name: F, schedule: "0 18 * * FRI", durationSeconds: 3600}]`, lowerCase},
		{"environment", "freezes", `[{name: f, schedule: "0 18 * * FRI", durationSeconds: 59}]`, "should be greater than or equal to 60"},
		{"environment", "requires", `{rollback: {freezes: Sometimes}}`, `supported values: "Ignore", "Respect"`},
		{"environment", "emergencies", `{count: 1}`, "write groups: [...], whose members approve emergencies"},
		{"environment", "emergencies", `{groups: [sre], skips: [Gates]}`, `supported values: "Evidence", "Freezes"`},
		{"environment", "emergencies", `{groups: [sre], requester: Always}`, `supported values: "Exclude", "Allow"`},
		{"environment", "tier", "Staging", `supported values: "Development", "Test", "Production"`},
	}
}

func badPromotions() []schemaCase {
	return []schemaCase{
		{"promotion", "metadata.name", strings.Repeat("a", 64), "write a name of at most 63 characters"},
		{"promotion", "images", "", whichImages},
		{"promotion", "releaseHash", hash("a"), whichImages},
		{"promotion", "intent", "Rollback", whichImages},
		{"rollback", "environments", "", whichImages},
		{"rollback", "releaseHash", hash("G"), "write the 64 hexadecimal digits of the release; kubectl get releaserecords shows them"},
		{"promotion", "images", `[{name: api}]`, "write exactly one of digest and tag"},
		{"promotion", "images", `[{name: api, tag: "1", digest: "` + current + `"}]`, "write exactly one of digest and tag"},
		{"promotion", "images", `[{name: api, digest: "` + digest("G") + `"}]`, exactly64},
		{"promotion", "images", `[{name: api, tag: "a:b"}]`, "write a tag: letters, digits, dots, dashes and underscores"},
		{"promotion", "changes", `[{title: x, url: "ftp://example.com"}]`, "write an http or https URL"},
		{"promotion", "emergency", `{skips: [Freezes]}`, "spec.emergency.reason: Required value"},
		{"promotion", "reason", "", "spec.reason: Required value"},
		{"record", "images", `[{name: api, repository: r.example.com/x, digest: "` + digest("G") + `"}]`, exactly64},
	}
}

func TestSchemasSayWhatToWrite(t *testing.T) {
	namespace := open(t, "schema")
	rollback := MakePromotion(namespace, "back").Obj()
	rollback.Spec.Images, rollback.Spec.Intent = nil, "Rollback"
	rollback.Spec.ReleaseHash, rollback.Spec.Environments = hash("a"), []string{"prod"}
	good := map[string]client.Object{
		"pipeline": MakePipeline(namespace, "p"), "environment": MakeEnvironment(namespace, "Production").Obj(),
		"promotion": MakePromotion(namespace, "forth").Obj(), "rollback": rollback, "record": MakeRecord(namespace, "r"),
		"template": MakeTemplate("schema"),
	}
	operator := theOperator()
	for name, object := range good {
		by := operator
		if name == "template" {
			by = admin
		}
		attempt{name: name, as: by, write: creates(object), about: object}.run(t)
		if err := admin.Delete(t.Context(), copyOf(object)); err != nil && name != "record" {
			t.Fatal(err)
		}
	}
	for _, c := range slices.Concat(badPipelines(), badEnvironments(), badLoads(), badMetrics(), badWebhooks(), badPromotions(), badTemplates()) {
		t.Run(c.object+"/"+c.field+"/"+c.value, func(t *testing.T) {
			err := operator.Create(t.Context(), c.spoil(t, good[c.object]), dryRun)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("want a refusal that says %q, got %v", c.says, err)
			}
		})
	}
}

// spoil returns a copy with the bad value.
func (c schemaCase) spoil(t *testing.T, object client.Object) client.Object {
	t.Helper()
	data, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	spoiled, value := &unstructured.Unstructured{}, any(nil)
	if err := yaml.Unmarshal(data, &spoiled.Object); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(c.value), &value); err != nil {
		t.Fatal(err)
	}
	kinds, _, err := scheme.ObjectKinds(object)
	if err != nil {
		t.Fatal(err)
	}
	spoiled.SetGroupVersionKind(kinds[0])
	delete(spoiled.Object, "status")
	path := append([]string{"spec"}, strings.Split(c.field, ".")...)
	if c.field == "metadata.name" {
		path = path[1:]
	}
	if value == nil {
		unstructured.RemoveNestedField(spoiled.Object, path...)
		return spoiled
	}
	if err := unstructured.SetNestedField(spoiled.Object, integers(value), path...); err != nil {
		t.Fatal(err)
	}
	return spoiled
}

// integers makes what YAML reads as a float a whole number again.
func integers(value any) any {
	switch v := value.(type) {
	case float64:
		return int64(v)
	case []any:
		for n := range v {
			v[n] = integers(v[n])
		}
	case map[string]any:
		for key := range v {
			v[key] = integers(v[key])
		}
	}
	return value
}

// What is asked for, signed and recorded cannot be changed.
func TestSchemasKeepWhatWasWritten(t *testing.T) {
	namespace := inbox(t, "schema-keeps", nil)
	approval, record := MakeApproval(namespace, "release").Named("signed").Obj(), MakeRecord(namespace, "checkout-aaaaaaaa-00000")
	promotion := MakePromotion(namespace, "release").Obj()
	create(t, approval, person("alice"))
	create(t, record, theOperator())
	create(t, promotion, person("dave"))
	for _, c := range immutables(approval, record, promotion) {
		t.Run(c.says, func(t *testing.T) {
			before := stored(t, c.about)
			err := c.write(t.Context(), c.as)
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), c.says) || stored(t, c.about) != before {
				t.Fatalf("want a refusal that says %q and nothing changed, got %v", c.says, err)
			}
		})
	}
}

// Each rule of each schema stands in a test above, by its message.
func TestEveryRuleOfTheSchemasIsTested(t *testing.T) {
	var tested []string
	for _, c := range slices.Concat(badPipelines(), badEnvironments(), badLoads(), badMetrics(), badWebhooks(), badPromotions(), badTemplates()) {
		tested = append(tested, c.says)
	}
	for _, c := range badApprovals() {
		tested = append(tested, c.says)
	}
	for _, c := range immutables(nil, nil, nil) {
		tested = append(tested, c.says)
	}
	files, err := filepath.Glob(config("crd", "bases", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	for _, file := range files {
		for message := range messages(definitionIn(t, file).Spec.Versions[0].Schema.OpenAPIV3Schema) {
			provokes := func(says string) bool { return says != "" && strings.Contains(message, says) }
			if !slices.ContainsFunc(tested, provokes) {
				t.Errorf("%s: no test provokes %q", filepath.Base(file), message)
			}
		}
	}
}

func definitionIn(t *testing.T, file string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	definition := &apiextensionsv1.CustomResourceDefinition{}
	data, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(data, definition)
	}
	if err != nil {
		t.Fatal(err)
	}
	return definition
}

// messages collects those of all rules below a schema.
func messages(schema *apiextensionsv1.JSONSchemaProps) sets.Set[string] {
	found := sets.New[string]()
	for _, rule := range schema.XValidations {
		found.Insert(rule.Message)
	}
	for name := range schema.Properties {
		property := schema.Properties[name]
		found = found.Union(messages(&property))
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		found = found.Union(messages(schema.Items.Schema))
	}
	return found
}
