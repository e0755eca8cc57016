package promotion

import (
	"github.com/sluice-dev/sluice/api/v1alpha1"
)

// rollBack brings the stable release back: the newest that passed here or was adopted.
func (v *visit) rollBack() {
	v.progress.Reasons = nil
	stable := v.stable()
	if v.gone() || stable == nil {
		v.endRollback(v1alpha1.StateRollbackFailed, "there is no release to go back to any more")
		return
	}
	if v.handsOff() {
		return
	}
	reasons := v.inTheWay()
	if len(reasons) == 0 {
		reasons = v.bringIn(stable.Spec.ReleaseHash, stable.Spec.Images)
	}
	if len(reasons) == 0 {
		v.recordEnd(v1alpha1.ResultRolledBack)
		v.wait(v.lastReasons()...)
		return
	}
	if v.overdue(v.progress.RollbackTime, v.rolloutTimeout()) {
		v.endRollback(v1alpha1.StateRollbackFailed, "release "+short(stable.Spec.ReleaseHash)+" was not back within "+v.rolloutTimeout().String()+": "+reasons[0].Message)
		return
	}
	v.wait(v1alpha1.NewReason(v1alpha1.ReasonRollingBack, "%s; release %s is being brought back", v.progress.Message, short(stable.Spec.ReleaseHash)))
	if reasons[0].Type != v1alpha1.ReasonRollingOut {
		v.wait(v1alpha1.NewReason(v1alpha1.ReasonRollbackBlocked, "%s", reasons[0].Message))
	}
}

// endRollback gives up. The slot becomes free: whatever mends this has to be able to enter.
func (v *visit) endRollback(state v1alpha1.EnvironmentState, why string) {
	v.progress.State = state
	v.progress.Message = v1alpha1.Clip(v.progress.Message+"; the rollback failed: "+why, 1024)
	v.progress.CompletionTime = v.now()
}
