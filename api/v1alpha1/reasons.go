package v1alpha1

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Condition types. Reconciling and Stalled are absent unless true, as kstatus reads them.
const (
	// ConditionSucceeded of a Promotion: True when every selected environment passed, False when it ended otherwise.
	ConditionSucceeded = "Succeeded"
	// ConditionResolved of a Promotion: its images are known by digest.
	ConditionResolved = "Resolved"
	// ConditionReconciling means that the operator is at work or waits.
	ConditionReconciling = "Reconciling"
	// ConditionStalled means that nothing goes on without a person.
	ConditionStalled = "Stalled"
	// ConditionAccepted of an Environment or DeliveryPipeline: what it says makes sense.
	ConditionAccepted = "Accepted"
	// ConditionAdopted of an Environment: what ran before Sluice came is known by digest.
	ConditionAdopted = "Adopted"
	// ConditionLocked of an Environment: the API server refuses what was not promoted.
	ConditionLocked = "Locked"
	// ConditionConverged of an Environment: what runs is what was promoted.
	ConditionConverged = "Converged"
	// ConditionAdmitted of a DeliveryPipeline: its environments let it in.
	ConditionAdmitted = "Admitted"
	// ConditionReviewed of an Environment: every emergency and every change by hand was reviewed; absent where there was none.
	ConditionReviewed = "Reviewed"
	// ConditionReady of an Environment or DeliveryPipeline: promotions may begin.
	ConditionReady = "Ready"
)

// Reasons of the condition Resolved.
const (
	// ReasonResolved means that every image is known by digest.
	ReasonResolved = "Resolved"
	// ReasonPipelineNotFound means that the DeliveryPipeline does not exist in the Promotion's namespace.
	ReasonPipelineNotFound = "PipelineNotFound"
	// ReasonPipelineNotAccepted means that the DeliveryPipeline makes no sense as it stands; its condition Accepted says why.
	ReasonPipelineNotAccepted = "PipelineNotAccepted"
	// ReasonImageNotListed means that the Promotion names an image that the pipeline does not list.
	ReasonImageNotListed = "ImageNotListed"
	// ReasonImageMissing means that an image was left out, and that nothing of it runs in the first selected environment.
	ReasonImageMissing = "ImageMissing"
	// ReasonEnvironmentNotListed means that the Promotion selects an environment that the pipeline does not list.
	ReasonEnvironmentNotListed = "EnvironmentNotListed"
	// ReasonTagNotFound means that the registry does not know the tag.
	ReasonTagNotFound = "TagNotFound"
	// ReasonReleaseNotFound means that no record Passed or Adopted of the release exists where a rollback wants to go.
	ReasonReleaseNotFound = "ReleaseNotFound"
	// ReasonRegistryUnavailable means that the registry did not answer; it is asked again.
	ReasonRegistryUnavailable = "RegistryUnavailable"
	// ReasonRegistryDenied means that the registry refused the operator; it is asked again.
	ReasonRegistryDenied = "RegistryDenied"
	// ReasonDigestNotInMirror means that an environment pulls from a mirror that lacks the release; it is asked again.
	ReasonDigestNotInMirror = "DigestNotInMirror"
)

// Reasons of the condition Succeeded while a Promotion has not ended, and when it ended well.
const (
	// ReasonPending means that the operator has not looked yet.
	ReasonPending = "Pending"
	// ReasonAllEnvironmentsPassed means that every selected environment passed.
	ReasonAllEnvironmentsPassed = "AllEnvironmentsPassed"
)

// What stands before an environment.
const (
	// ReasonEnvironmentNotFound means that the namespace has no Environment.
	ReasonEnvironmentNotFound = "EnvironmentNotFound"
	// ReasonEnvironmentTerminating means that the namespace or its Environment is being deleted.
	ReasonEnvironmentTerminating = "EnvironmentTerminating"
	// ReasonEnvironmentNotReady means that the Environment's condition Ready is not True.
	ReasonEnvironmentNotReady = "EnvironmentNotReady"
	// ReasonNotAdmitted means that the Environment does not list the pipeline.
	ReasonNotAdmitted = "NotAdmitted"
	// ReasonRepositoryNotAdmitted means that the Environment lists the pipeline, but not one of its repositories.
	ReasonRepositoryNotAdmitted = "RepositoryNotAdmitted"
	// ReasonRepositoryOwnedByOther means that another pipeline owns a repository there.
	ReasonRepositoryOwnedByOther = "RepositoryOwnedByOther"
	// ReasonTeamGatesRefused means that the pipeline has gates of its own for an Environment that runs none of a team.
	ReasonTeamGatesRefused = "TeamGatesRefused"
	// ReasonPermissionMissing means that no RoleBinding lets the operator work in the namespace.
	ReasonPermissionMissing = "PermissionMissing"
	// ReasonPredecessorPending means that an environment before has not passed yet.
	ReasonPredecessorPending = "PredecessorPending"
	// ReasonEvidenceMissing means that a demanded gate has not passed for this release where it counts.
	ReasonEvidenceMissing = "EvidenceMissing"
	// ReasonEvidenceExpired means that the evidence is older than the Environment allows.
	ReasonEvidenceExpired = "EvidenceExpired"
	// ReasonEvidenceFailed means that the newest record of this release, where it counts, is not a pass.
	ReasonEvidenceFailed = "EvidenceFailed"
	// ReasonFrozen means that a freeze of the Environment lasts.
	ReasonFrozen = "Frozen"
	// ReasonOutsideWindow means that the Environment has windows for deployments, and that none is open.
	ReasonOutsideWindow = "OutsideWindow"
	// ReasonInvalidSchedule means that a freeze of the Environment makes no sense, so that nothing can be said to be open.
	ReasonInvalidSchedule = "InvalidSchedule"
	// ReasonEmergencyNotAllowed means that the Promotion asks for an emergency that the Environment does not allow.
	ReasonEmergencyNotAllowed = "EmergencyNotAllowed"
	// ReasonApprovalsMissing means that people still have to sign.
	ReasonApprovalsMissing = "ApprovalsMissing"
	// ReasonRequesterUnknown means that nobody can be held to have asked: no stamp, or a machine that names no person.
	ReasonRequesterUnknown = "RequesterUnknown"
	// ReasonInboxFull means that too many promotions await sign-off in the Environment.
	ReasonInboxFull = "InboxFull"
	// ReasonTooManyImages means that the namespace lists as many references as its annotations hold.
	ReasonTooManyImages = "TooManyImages"
	// ReasonNewerPromotionReady means that a newer promotion of the pipeline goes first.
	ReasonNewerPromotionReady = "NewerPromotionReady"
	// ReasonEnvironmentBusy means that another promotion holds the slot.
	ReasonEnvironmentBusy = "EnvironmentBusy"
	// ReasonWorkloadsMissing means that no workload runs a repository yet.
	ReasonWorkloadsMissing = "WorkloadsMissing"
	// ReasonWorkloadRollingOut means that a workload is in the middle of another rollout.
	ReasonWorkloadRollingOut = "WorkloadRollingOut"
	// ReasonPoliciesNotWhole means that an admission policy of Sluice is missing or altered, and that nothing enters a
	// locked environment until it is mended.
	ReasonPoliciesNotWhole = "PoliciesNotWhole"
	// ReasonGateImageUnresolved means that the digest of a gate's image is not known: it is given by tag, and no registry said it.
	ReasonGateImageUnresolved = "GateImageUnresolved"
	// ReasonUnknownGateTemplate means that a gate, or a requirement, names a GateTemplate that does not exist.
	ReasonUnknownGateTemplate = "UnknownGateTemplate"
	// ReasonInvalidParameters means that a gate does not fit the GateTemplate that it names.
	ReasonInvalidParameters = "InvalidParameters"
	// ReasonGateNotAllowed means that a gate asks for something that a gate may not have.
	ReasonGateNotAllowed = "GateNotAllowed"
	// ReasonGateNotUnderstood means that the condition under which a gate passes is none.
	ReasonGateNotUnderstood = "GateNotUnderstood"
)

// What happens inside an environment.
const (
	// ReasonRollingOut means that pods of the release are being started.
	ReasonRollingOut = "RollingOut"
	// ReasonRolloutPaused means that a Deployment is paused.
	ReasonRolloutPaused = "RolloutPaused"
	// ReasonRolloutPartitioned means that a StatefulSet keeps pods of the old revision on purpose.
	ReasonRolloutPartitioned = "RolloutPartitioned"
	// ReasonPodsMustBeDeleted means that a workload changes pods only when somebody deletes them.
	ReasonPodsMustBeDeleted = "PodsMustBeDeleted"
	// ReasonAdmissionRefused means that an admission policy or webhook refused a write or a pod.
	ReasonAdmissionRefused = "AdmissionRefused"
	// ReasonPinPropagating means that the pin has not reached every API server yet, and not for a moment only.
	ReasonPinPropagating = "PinPropagating"
	// ReasonGateRunning means that a gate runs.
	ReasonGateRunning = "GateRunning"
	// ReasonGateRetrying means that a gate failed and runs again.
	ReasonGateRetrying = "GateRetrying"
	// ReasonGateHeld means that a gate was inconclusive and waits for a person.
	ReasonGateHeld = "GateHeld"
	// ReasonGateCannotStart means that a gate's Job cannot start.
	ReasonGateCannotStart = "GateCannotStart"
	// ReasonWorkloadScaledToZero means that no pod of the release runs, so that a gate would measure nothing.
	ReasonWorkloadScaledToZero = "WorkloadScaledToZero"
	// ReasonRollingBack means that the release before is being brought back.
	ReasonRollingBack = "RollingBack"
	// ReasonRollbackBlocked means that the rollback cannot go on without a person.
	ReasonRollbackBlocked = "RollbackBlocked"
)

// Why an approval is ignored.
const (
	// IgnoredEvidenceChanged means that the evidence or the release is not what was signed.
	IgnoredEvidenceChanged = "EvidenceChanged"
	// IgnoredNotInRequiredGroup means that groups are named, and that the approver is in none of them.
	IgnoredNotInRequiredGroup = "NotInRequiredGroup"
	// IgnoredRequesterExcluded means that the approver asked for the promotion, or made its changes.
	IgnoredRequesterExcluded = "RequesterExcluded"
	// IgnoredTooOld means that the approval is older than the Environment allows.
	IgnoredTooOld = "TooOld"
	// IgnoredRightLost means that the approver may not create Approvals there any more.
	IgnoredRightLost = "RightLost"
	// IgnoredRightUnknown means that the API server did not say whether the approver still may; it is asked again.
	IgnoredRightUnknown = "RightUnknown"
	// IgnoredReplaced means that the same person decided again later.
	IgnoredReplaced = "Replaced"
	// IgnoredPromotionFinished means that the promotion had ended.
	IgnoredPromotionFinished = "PromotionFinished"
)

// Reasons of an Environment's conditions.
const (
	// ReasonAccepted means that what it says makes sense.
	ReasonAccepted = "Accepted"
	// ReasonNamespaceTerminating means that the namespace is being deleted.
	ReasonNamespaceTerminating = "NamespaceTerminating"
	// ReasonAdopted means that what ran before is known by digest.
	ReasonAdopted = "Adopted"
	// ReasonNothingRan means that nothing of a pipeline ran.
	ReasonNothingRan = "NothingRan"
	// ReasonRestored means that the Namespace's copy, the records or the Promotions were taken up again.
	ReasonRestored = "Restored"
	// ReasonInProgress means that adoption is at work.
	ReasonInProgress = "InProgress"
	// ReasonMixedDigests means that one image string runs as several digests.
	ReasonMixedDigests = "MixedDigests"
	// ReasonDigestNotInRegistry means that a digest that runs is not in the registry any more.
	ReasonDigestNotInRegistry = "DigestNotInRegistry"
	// ReasonPlatformDigestOnly means that only a platform's manifest is known, and not the index it belongs to.
	ReasonPlatformDigestOnly = "PlatformDigestOnly"
	// ReasonEnforced means that the API server refuses what was not promoted.
	ReasonEnforced = "Enforced"
	// ReasonOff means that the Environment asks for no lock.
	ReasonOff = "Off"
	// ReasonAuditing means that the API server warns of what was not promoted.
	ReasonAuditing = "Auditing"
	// ReasonNotAdopted means that the lock waits for adoption.
	ReasonNotAdopted = "NotAdopted"
	// ReasonPolicyMissing means that an admission policy of Sluice, or its binding, is not there.
	ReasonPolicyMissing = "PolicyMissing"
	// ReasonPolicyAltered means that an admission policy of Sluice, or its binding, is not as the operator ships it.
	ReasonPolicyAltered = "PolicyAltered"
	// ReasonNamespaceAltered means that the Namespace does not say what the Environment demands.
	ReasonNamespaceAltered = "NamespaceAltered"
	// ReasonOverridden means that somebody changed by hand what the Namespace enforces.
	ReasonOverridden = "Overridden"
	// ReasonReviewed means that everything that had to be reviewed was.
	ReasonReviewed = "Reviewed"
	// ReasonReviewPending means that an emergency, or a change by hand, has to be reviewed.
	ReasonReviewPending = "ReviewPending"
	// ReasonReviewOverdue means that it was not reviewed in time.
	ReasonReviewOverdue = "ReviewOverdue"
	// ReasonConverged means that what runs is what was promoted.
	ReasonConverged = "Converged"
	// ReasonChanging means that a promotion is at work.
	ReasonChanging = "Changing"
	// ReasonDrifted means that something else runs than was promoted.
	ReasonDrifted = "Drifted"
	// ReasonUnmanagedImagesRun means that images of no pipeline run where none may.
	ReasonUnmanagedImagesRun = "UnmanagedImagesRun"
	// ReasonAuditedImagesRun means that images run that the lock only let in because it audits.
	ReasonAuditedImagesRun = "AuditedImagesRun"
	// ReasonRollbackFailed means that a rollback did not succeed.
	ReasonRollbackFailed = "RollbackFailed"
	// ReasonReleaseHeld means that a failed release was left in place.
	ReasonReleaseHeld = "ReleaseHeld"
	// ReasonReady means that promotions may begin.
	ReasonReady = "Ready"
)

// Reasons of a DeliveryPipeline's conditions.
const (
	// ReasonCycleInEnvironments means that environments wait for each other in a circle.
	ReasonCycleInEnvironments = "CycleInEnvironments"
	// ReasonUnknownPredecessor means that after names an environment that the pipeline does not list.
	ReasonUnknownPredecessor = "UnknownPredecessor"
	// ReasonServiceAccountNotFound means that registryCredentials name a ServiceAccount that does not exist.
	ReasonServiceAccountNotFound = "ServiceAccountNotFound"
	// ReasonAdmitted means that every environment lets the pipeline in.
	ReasonAdmitted = "Admitted"
)

// NewReason makes a reason of one of the types above; the message says what exactly, who can unblock it, and how.
func NewReason(reasonType, format string, args ...any) Reason {
	return Reason{Type: reasonType, Message: Clip(fmt.Sprintf(format, args...), 1024)}
}

// NewCondition makes a condition. The caller sets its transition time when it differs from the one before.
func NewCondition(conditionType string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: conditionType, Status: status, Reason: reason, Message: Clip(message, 2048)}
}

// Clip shortens a text to at most limit bytes, at a rune, and shows that it did.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const mark = "..."
	end := limit - len(mark)
	for end > 0 && text[end]&0xC0 == 0x80 {
		end--
	}
	return text[:end] + mark
}
