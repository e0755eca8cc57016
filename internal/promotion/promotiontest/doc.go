// Package promotiontest builds the objects that tests of promotions need, in one expression each:
//
//	MakePromotion("checkout-2").Digest("api", Digest("v2")).Obj()
//
// Every builder begins with something valid: the pipeline shop/checkout with one image, api, and the environments dev,
// test and prod, in the namespaces shop-dev, shop-test and shop-prod, which admit it and are ready. Obj returns what was
// built; a builder is used once.
package promotiontest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	// The rules of time zones, wherever the tests run.
	_ "time/tzdata"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

const (
	// TeamNamespace holds the pipeline and its promotions.
	TeamNamespace = "shop"
	// PipelineName is the name of the pipeline.
	PipelineName = "checkout"
	// PipelineKey is the pipeline as namespace/name.
	PipelineKey = TeamNamespace + "/" + PipelineName
	// RegistryPrefix is what the environments admit the pipeline with.
	RegistryPrefix = "registry.example.com/shop/"
)

// Epoch is when everything begins.
var Epoch = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// At is a moment some time after Epoch.
func At(after time.Duration) metav1.Time { return metav1.NewTime(Epoch.Add(after)) }

// Digest is the digest of an image that a seed, such as "v2", stands for.
func Digest(seed string) string { return "sha256:" + Hash(seed) }

// Hash is 64 hexadecimal digits that a seed stands for.
func Hash(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(sum[:])
}

// Repository is where the image of a name is kept.
func Repository(image string) string { return RegistryPrefix + "checkout-" + image }

// Image is an image of a release; the seed stands for its digest.
func Image(name, seed string) v1alpha1.Image {
	return v1alpha1.Image{Name: name, Repository: Repository(name), Digest: Digest(seed)}
}

// Release is a release whose images all have the digest that the seed stands for.
func Release(seed string, names ...string) []v1alpha1.Image {
	if len(names) == 0 {
		names = []string{"api"}
	}
	images := make([]v1alpha1.Image, 0, len(names))
	for _, name := range names {
		images = append(images, Image(name, seed))
	}
	return images
}

// Nightly is a freeze that begins every day at an hour of a time zone.
func Nightly(name string, hour, durationSeconds int32, zone string) v1alpha1.Freeze {
	return v1alpha1.Freeze{Name: name, Schedule: fmt.Sprintf("0 %d * * *", hour), DurationSeconds: durationSeconds, TimeZone: zone}
}

// Once is a freeze that lasts from one time after Epoch to another.
func Once(name string, from, to time.Duration) v1alpha1.Freeze {
	begin, end := At(from), At(to)
	return v1alpha1.Freeze{Name: name, FromTime: &begin, ToTime: &end, Reason: "the books are closed"}
}

// JobGate is a gate that runs an image.
func JobGate(name string, purpose v1alpha1.GatePurpose) v1alpha1.Gate {
	return v1alpha1.Gate{
		Name: name, Purpose: purpose,
		Job: v1alpha1.JobGate{Image: "registry.example.com/tests/" + name + "@" + Digest(name)},
	}
}

// SoakGate is a gate that watches for a time.
func SoakGate(name string, seconds int32) v1alpha1.Gate {
	return v1alpha1.Gate{Name: name, Purpose: v1alpha1.PurposeOther, Soak: v1alpha1.SoakGate{DurationSeconds: seconds}}
}

func uidOf(kind, name string) types.UID { return types.UID("uid-" + kind + "-" + name) }
