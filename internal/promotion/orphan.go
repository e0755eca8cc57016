package promotion

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// Orphaned says whether a holder's Promotion is not there to go on: deleted, made again under the same name, or started
// anew through other environments. The Promotion is the one found under the holder's reference; nil where there is none.
func Orphaned(holder v1alpha1.Holder, found *v1alpha1.Promotion, namespace string) bool {
	if found == nil || string(found.UID) != holder.PromotionRef.UID {
		return true
	}
	if found.Status.Outcome != "" || found.Status.Pipeline.UID == "" && found.Labels[v1alpha1.OutcomeLabel] != "" {
		// It gave its slots back before it ended; one that holds again was restored from a backup.
		return true
	}
	return found.Status.Pipeline.UID != "" && !selectsNamespace(found, namespace)
}

// DecideOrphan says what to do about a slot whose Promotion is gone: bring the stable release back, unless the holder says
// Hold, write the record, give the slot back. The snapshot needs Now, the Site of the namespace, and the Records.
// When the way back began is written into the Environment first: the Promotion may have been at work for long.
func DecideOrphan(snapshot Snapshot, namespace string, holder v1alpha1.Holder) Plan {
	snapshot.Promotion = ghost(namespace, holder)
	d := &decision{snapshot: snapshot, status: *snapshot.Promotion.Status.DeepCopy()}
	v := d.visits()[0]
	v.stopOrphanedGates()
	if v.stable() == nil || holder.OnFailure == v1alpha1.HoldOnFailure {
		v.progress.State = v1alpha1.StateFailed
	} else if v.ownRecord() == nil && !v.gone() {
		if v.progress.RollbackTime = v.orphanedSince(); v.progress.RollbackTime == nil {
			v.markOrphaned()
			return Plan{Effects: d.effects}
		}
	}
	v.goOn()
	if v.progress.State == v1alpha1.StateRollbackFailed && v.ownRecord() == nil {
		v.recordEnd(v1alpha1.ResultFailed)
	}
	return Plan{Effects: d.effects, Wake: d.wake}
}

// stopOrphanedGates ends what still tests a release that nobody waits for. The Site holds the runs of this Promotion only;
// what its pipeline called the environment is not known any more.
func (v *visit) stopOrphanedGates() {
	for _, run := range v.site.Runs {
		if run.open() {
			v.do(StopGate{Namespace: v.namespace(), Job: run.Job})
		}
	}
}

// orphanedSince is when the way back from an orphaned release began; nil before. Whoever holds a slot is named as the
// one that changes what runs: an entry that is changing and names nobody is that of an orphan.
func (v *visit) orphanedSince() *metav1.Time {
	for _, entry := range v.site.Environment.Status.Pipelines {
		if entry.Pipeline == v.pipelineKey() && entry.State == v1alpha1.DeliveryChanging && entry.PromotionRef.UID == "" {
			return entry.SinceTime
		}
	}
	return nil
}

func (v *visit) markOrphaned() {
	v.writeEnvironment(*v.site.Environment.Status.DeepCopy(), v1alpha1.DeliveredPipeline{
		Pipeline: v.pipelineKey(), State: v1alpha1.DeliveryChanging, ReleaseHash: v.stable().Spec.ReleaseHash, SinceTime: v.now(),
	})
}

// ghost stands in for the Promotion, made of what it left in the Environment.
func ghost(namespace string, holder v1alpha1.Holder) *v1alpha1.Promotion {
	_, pipeline, _ := strings.Cut(holder.Pipeline, "/")
	const environment = "orphaned"
	images := make([]v1alpha1.PipelineImage, 0, len(holder.Images))
	for _, image := range holder.Images {
		images = append(images, v1alpha1.PipelineImage{Name: image.Name, Repository: image.Repository, Workloads: v1alpha1.WorkloadsOptional})
	}
	p := &v1alpha1.Promotion{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: holder.PromotionRef.Namespace, Name: holder.PromotionRef.Name, UID: types.UID(holder.PromotionRef.UID),
		},
		Spec: v1alpha1.PromotionSpec{PipelineRef: v1alpha1.LocalPipelineReference{Name: pipeline}},
		Status: v1alpha1.PromotionStatus{
			ReleaseHash: holder.ReleaseHash, Images: holder.Images,
			Pipeline: v1alpha1.PipelineSnapshot{UID: "orphaned", Generation: 1, Images: images, Environments: []v1alpha1.PipelineEnvironment{
				{Name: environment, EnvironmentRef: v1alpha1.EnvironmentReference{Namespace: namespace}, OnFailure: holder.OnFailure},
			}},
			Environments: []v1alpha1.EnvironmentProgress{{
				Name: environment, State: v1alpha1.StateRollingBack, Cause: v1alpha1.CausePromotionDeleted,
				Message: "the Promotion was deleted while it was at work", StartTime: holder.SinceTime, Emergency: holder.Emergency,
				EnvironmentRef: v1alpha1.ObservedEnvironmentReference{Namespace: namespace},
			}},
		},
	}
	return p
}
