package promotion

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// ReleaseHash identifies a release: SHA-256 over its sorted repository@digest lines, as 64 hexadecimal digits.
func ReleaseHash(images []v1alpha1.Image) string {
	lines := make([]string, 0, len(images))
	for _, image := range images {
		lines = append(lines, image.Reference()+"\n")
	}
	slices.Sort(lines)
	return hexHash(strings.Join(lines, ""))
}

// EvidenceHash identifies what an approver looks at: SHA-256 over the sorted records, each with its namespace, name,
// uid and content, failed ones included. Any record more, less or other makes another hash.
func EvidenceHash(records []*v1alpha1.ReleaseRecord) string {
	lines := make([]string, 0, len(records))
	for _, r := range records {
		lines = append(lines, strings.Join([]string{r.Namespace, r.Name, string(r.UID), RecordHash(r)}, " ")+"\n")
	}
	slices.Sort(lines)
	return hexHash(strings.Join(lines, ""))
}

// RecordHash identifies the content of a record; the next record of its pipeline and environment carries it.
func RecordHash(record *v1alpha1.ReleaseRecord) string { return jsonHash(record.Spec) }

// GateHash identifies the content of a gate.
func GateHash(gate v1alpha1.Gate) string { return jsonHash(gate) }

// TemplateHash identifies the content of a GateTemplate.
func TemplateHash(template *v1alpha1.GateTemplate) string { return jsonHash(template.Spec) }

// RecordName is the name of the one record that a Promotion leaves in an environment.
func RecordName(pipeline, releaseHash, promotionUID string) string {
	return pipeline + "-" + releaseHash[:8] + "-" + hexHash(promotionUID)[:5]
}

// JobName is the name of the one Job of a gate's attempt: "sl-" and 20 hexadecimal digits.
func JobName(promotionUID, environment, specHash, gate string, attempt int32) string {
	parts := []string{promotionUID, environment, gate, specHash, strconv.Itoa(int(attempt))}
	return "sl-" + hexHash(strings.Join(parts, "\n"))[:20]
}

// TouchValue is the value of the annotation sluice.dev/release that brings a release in on behalf of a promotion.
func TouchValue(releaseHash, promotionUID string) string { return releaseHash + ":" + promotionUID }

// jsonHash hashes a value in its JSON form; the types hashed here have no maps but string maps, whose keys are sorted.
func jsonHash(value any) string { return hexHash(string(encoded(value))) }

func encoded(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		// API types always encode: they came from JSON.
		panic(err)
	}
	return text
}

func hexHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
