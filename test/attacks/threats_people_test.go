package attacks_test

// Nobody signs who asked, or who wrote the change, or who is no person; and nobody signs something else.
func signOff() []attack {
	signs := twin{by: alice, does: "signs what waits", how: creates(approval("", "release", ""))}
	const somebodyElse = "ask somebody else"
	return []attack{
		{
			by: dave, wants: "approve his own promotion",
			how:  creates(approval("forged", "release", "")),
			must: refusedBy("sluice-signoff", "dave requested this promotion and may not approve it: "+somebodyElse),
			but:  signs,
		},
		{
			by: dave, wants: "approve it in alice's name",
			how:  creates(approval("forged", "release", `approver: {username: alice, groups: [release-managers]}`)),
			must: refusedBy("sluice-signoff", "dave requested this promotion and may not approve it: "+somebodyElse),
			but:  signs,
		},
		{
			by: bob, wants: "approve what a bot asked for on his behalf",
			how:  creates(approval("forged", "by-bot", "")).by("create"),
			must: refusedBy("sluice-signoff", "on behalf of bob, who may not approve it: "+somebodyElse),
			but:  twin{by: alice, does: "signs it", how: creates(approval("", "by-bot", ""))},
		},
		{
			by: carol, wants: "approve a change that she wrote",
			how:  creates(approval("forged", "by-bot", "")).by("create"),
			must: refusedBy("sluice-signoff", "carol is excluded from approving this promotion"),
			but:  twin{by: carol, does: "signs what she did not write", how: creates(approval("", "release", ""))},
		},
		{
			by: erin, wants: "sign in somebody else's name",
			how:  creates(approval("forged", "release", `approver: {username: alice}`)),
			must: keeps("erin", "spec", "approver", "username"),
		},
		{
			by: erin, wants: "sign as a member of a group that she is not in",
			how:  creates(approval("forged", "release", `approver: {username: erin, groups: [release-managers]}`)),
			must: keeps("map[username:erin]", "spec", "approver"),
			but:  twin{by: alice, does: "signs as a release manager", how: creates(approval("", "release", "")), shows: releaseManagerSigned},
		},
		{
			by: ci, wants: "approve, with its token",
			how:  creates(approval("forged", "release", "")),
			must: refusedBy("sluice-authors", "only people sign"),
			but:  signs,
		},
		{
			by: root, wants: "approve as an administrator, who could be anybody",
			how:  creates(approval("forged", "release", "")),
			must: refusedBy("sluice-authors", "sign as yourself"),
			but:  signs,
		},
		{
			by: erin, wants: "approve a promotion that was deleted, and made again under the same name",
			how:  creates(approval("forged", "release", `promotionRef: {uid: "before"}`)),
			must: refusedBy("sluice-signoff", "nothing awaits approval in namespace shop-prod under promotion shop/release"),
			but:  signs,
		},
		{
			by: erin, wants: "approve before there is anything to read",
			how:  creates(approval("forged", "release", `promotionRef: {name: finished, uid: $FINISHED_UID}`)),
			must: refusedBy("sluice-signoff", "see what does: kubectl get environment"),
			but:  signs,
		},
		{
			by: erin, wants: "approve another release than the one that waits",
			how:  creates(approval("forged", "release", `releaseHash: $OTHER_HASH`)),
			must: refusedBy("sluice-signoff", "read again what you sign"),
			but:  signs,
		},
		{
			by: erin, wants: "approve other evidence than what is there",
			how:  creates(approval("forged", "release", `evidenceHash: $OTHER_HASH`)),
			must: refusedBy("sluice-signoff", "it changed, read it again"),
			but:  signs,
		},
		{by: adam, wants: "approve with the stock role", how: creates(approval("forged", "release", "")), must: refusedByRBAC()},
		{by: edith, wants: "approve with the stock role", how: creates(approval("forged", "release", "")), must: refusedByRBAC()},
	}
}

// What was signed stays signed, and what was rejected stays rejected.
func unsign() []attack {
	signed, rejected := the("Approval", "shop-prod", "signed"), the("Approval", "shop-prod", "rejected")
	const another = "create another one with decision: Rejected"
	const gone = `metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: gone, uid: gone}]}`
	withdraws := twin{by: alice, does: "withdraws by a rejection", how: creates(approval("", "release", `decision: Rejected`))}
	labels := twin{by: paul, does: "labels an Approval", how: changes(signed, `metadata: {labels: {seen: "yes"}}`)}
	return []attack{
		{
			by: paul, wants: "turn a rejection into an approval",
			how:  changes(rejected, `spec: {decision: Approved}`),
			must: refusedBySchema("an Approval cannot be changed; to withdraw one, create another with decision: Rejected"),
			but:  withdraws,
		},
		{
			by: paul, wants: "have an approval name another release",
			how:  changes(signed, `spec: {releaseHash: $OTHER_HASH}`),
			must: refusedBySchema("an Approval cannot be changed"),
			but:  labels,
		},
		{by: erin, wants: "delete a rejection", how: deletes(rejected), must: refusedBy("sluice-approvals", another), but: withdraws},
		{
			by: dave, wants: "delete somebody's approval",
			how:  deletes(signed),
			must: refusedBy("sluice-approvals", another),
			but:  twin{by: pat, does: "deletes an Approval", how: deletes(signed)},
		},
		{
			by: dave, wants: "give a rejection an owner that is gone, so that the garbage collector deletes it",
			how:  changes(rejected, gone),
			must: refusedBy("sluice-approvals", "leave metadata.ownerReferences out"),
			but:  labels,
		},
		{
			by: erin, wants: "sign with such an owner, and have it vanish after it counted",
			how:  creates(with(approval("forged", "release", ""), gone)),
			must: refusedBy("sluice-approvals", "leave metadata.ownerReferences out"),
			but:  withdraws,
		},
		{
			by: dave, wants: "hold an approval for ever by a finalizer",
			how:  changes(signed, `metadata: {finalizers: [example.com/stay]}`),
			must: refusedBy("sluice-approvals", "leave metadata.finalizers out"),
			but:  labels,
		},
	}
}

// Who broke the glass is reviewed by somebody who did not.
func review() []attack {
	reviews := func(changed string) thing {
		signed := with(the("Approval", "shop-prod", "forged"), `spec: {recordRef: {name: checkout-aaaaaaaa-00000},
			releaseHash: $RELEASE_HASH, evidenceHash: $EVIDENCE_HASH, decision: Reviewed}`)
		return with(signed, `spec: `+changed)
	}
	somebodyElse := twin{by: alice, does: "reviews what she had no part in", how: creates(reviews(`{}`))}
	return []attack{
		{
			by: paul, wants: "review what he did himself",
			how:  creates(reviews(`{}`)),
			must: refusedBy("sluice-reviews", "paul was involved in what this record tells of, and may not review it: ask somebody else"),
			but:  somebodyElse,
		},
		{
			by: ci, wants: "have a machine review it",
			how:  creates(reviews(`{}`)),
			must: refusedBy("sluice-authors", "only people sign"),
			but:  somebodyElse,
		},
		{
			by: dave, wants: "review something else in its place",
			how:  creates(reviews(`{recordRef: {name: checkout-aaaaaaaa-11111}}`)),
			must: refusedBy("sluice-reviews", "see what is: kubectl get environment"),
			but:  somebodyElse,
		},
		{
			by: dave, wants: "review it unread",
			how:  creates(reviews(`{evidenceHash: $OTHER_HASH}`)),
			must: refusedBy("sluice-reviews", "take them from status.reviews of the Environment"),
			but:  somebodyElse,
		},
	}
}

// A promotion is what was asked for, by whom. It is signed as such.
func rewrite() []attack {
	release, finished, cancelled := the("Promotion", "shop", "release"), the("Promotion", "shop", "finished"), the("Promotion", "shop", "cancelled")
	cancels := twin{by: dave, does: "cancels a promotion", how: changes(release, `spec: {lifecycle: Cancelled}`)}
	asks := func(name string) thing {
		return with(the("Promotion", "shop", name), `spec: {pipelineRef: {name: checkout}, images: [{name: api, digest: $UNPROMOTED}], reason: refunds are rounded to cents}`)
	}
	again := twin{by: dave, does: "asks once more", how: creates(asks("again"))}
	return []attack{
		{
			by: dave, wants: "swap the image after others have signed",
			how:  changes(release, `spec: {images: [{name: api, digest: $CURRENT}]}`),
			must: refusedBySchema("a Promotion cannot be changed, only cancelled (lifecycle: Cancelled); create another one"),
			but:  cancels,
		},
		{
			by: dave, wants: "have the wait end at production only",
			how:  changes(release, `spec: {environments: [prod]}`),
			must: refusedBySchema("create another one"),
			but:  cancels,
		},
		{
			by: dave, wants: "say that somebody else asked, so as to sign it himself",
			how:  changes(release, `spec: {requestedBy: {username: erin}}`),
			must: refusedBySchema("requestedBy is stamped by the API server and stays"),
			but:  again,
		},
		{
			by: dave, wants: "ask in somebody else's name from the start",
			how:  creates(with(asks("forged"), `spec: {requestedBy: {username: erin}}`)),
			must: keeps("dave", "spec", "requestedBy", "username"),
			but:  again,
		},
		{
			by: ci, wants: "take back what it did on whose behalf",
			how:  changes(the("Promotion", "shop", "by-bot"), `spec: {onBehalfOf: [erin]}`),
			must: refusedBySchema("create another one"),
			but:  cancels,
		},
		{
			by: dave, wants: "have a cancelled promotion go on",
			how:  changes(cancelled, `spec: {lifecycle: Active}`),
			must: refusedBySchema("a cancelled Promotion stays cancelled; create another one"),
			but:  again,
		},
		{
			by: dave, wants: "have a failed promotion run again, with its sign-offs",
			how:  changes(finished, `metadata: {labels: {sluice.dev/outcome: null}}`),
			must: refusedBy("sluice-promotions", "to run a release again, create another Promotion"),
			but:  again,
		},
		{
			by: dave, wants: "call a failed promotion a success",
			how:  changes(finished, `metadata: {labels: {sluice.dev/outcome: Succeeded}}`),
			must: refusedBy("sluice-promotions", "create another Promotion"),
			but:  twin{by: operator, does: "labels a promotion that ended", how: changes(release, `metadata: {labels: {sluice.dev/outcome: Failed}}`).by("merge patch")},
		},
		{
			by: dave, wants: "make a promotion that is born finished",
			how:  creates(with(asks("forged"), `metadata: {labels: {sluice.dev/outcome: Succeeded}}`)),
			must: refusedBy("sluice-promotions", "create another Promotion"),
			but:  again,
		},
		{
			by: dave, wants: "make a promotion that is born with a status",
			how:  creates(with(asks("forged"), `status: {outcome: Succeeded}`)),
			must: keeps("<nil>", "status", "outcome"),
			but:  again,
		},
	}
}

// Status is what the operator observed. Whoever could write it could pass any gate.
func status() []attack {
	release, environment, pipeline := the("Promotion", "shop", "release"), the("Environment", "shop-prod", "environment"), the("DeliveryPipeline", "shop", "checkout")
	var rows []attack
	for _, forgery := range []struct {
		wants  string
		object thing
		merge  string
		says   string
		by     []*actor
	}{
		{"say that a promotion succeeded", release, `status: {outcome: Succeeded}`, "change spec of promotions instead", []*actor{dave, ci, flux, root, impostor, minted}},
		{"show approvers evidence of one's own", environment, `status: {awaiting: [{promotionRef: {namespace: shop, name: release, uid: $RELEASE_UID},
			pipeline: shop/checkout, requestedBy: nobody, releaseHash: $RELEASE_HASH, evidenceHash: $OTHER_HASH}]}`, "change spec of environments instead", []*actor{paul, root, impostor}},
		{"take the slot of production", environment, `status: {holders: [{pipeline: shop/checkout, promotionRef: {namespace: shop, name: release, uid: $RELEASE_UID},
			releaseHash: $RELEASE_HASH, onFailure: Rollback}]}`, "change spec of environments instead", []*actor{paul}},
		{"say that a pipeline is admitted", pipeline, `status: {conditions: [{type: Admitted, status: "True", reason: Admitted, message: "",
			lastTransitionTime: "2026-08-01T00:00:00Z"}]}`, "change spec of deliverypipelines instead", []*actor{dave}},
	} {
		for _, by := range forgery.by {
			rows = append(rows, attack{
				by: by, wants: forgery.wants, how: changesThrough("status", forgery.object, forgery.merge), must: refusedBy("sluice-status", forgery.says),
				but: twin{by: operator, does: "writes a status", how: changesThrough("status", forgery.object, forgery.merge)},
			})
		}
	}
	return rows
}

// Records are the evidence that production asks for, and the history that auditors read.
func evidence() []attack {
	record := the("ReleaseRecord", "shop-test", "checkout-aaaaaaaa-00000")
	history := the("ReleaseRecord", "shop-prod", "checkout-aaaaaaaa-00000")
	forged := with(the("ReleaseRecord", "shop-test", "checkout-aaaaaaaa-11111"), `spec: {pipelineRef: {namespace: shop, name: checkout}, releaseHash: $RELEASE_HASH,
		images: [{name: api, repository: $API, digest: $UNPROMOTED}], environment: {uid: environment, generation: 1, tier: Test}, result: Passed}`)
	const instead = "create a Promotion, and it writes the record"
	writes := twin{by: operator, does: "writes a record", how: creates(forged)}
	prunes := twin{by: operator, does: "prunes a record", how: deletes(record)}
	return []attack{
		{by: tara, wants: "forge the record of a pass", how: creates(forged), must: refusedBy("sluice-releaserecords", instead), but: writes},
		{
			by: impostor, wants: "forge one in the operator's name",
			how:  creates(forged).by("create"),
			must: refusedBy("sluice-releaserecords", instead),
			but:  writes,
		},
		{
			by: minted, wants: "forge one in the operator's name",
			how:  creates(forged).by("create"),
			must: refusedBy("sluice-releaserecords", instead),
			but:  writes,
		},
		{
			by: tara, wants: "turn a failure into a pass",
			how:  changes(record, `spec: {result: Passed}`),
			must: refusedBySchema("a ReleaseRecord cannot be changed: it is evidence"),
			but:  writes,
		},
		{
			by: operator, wants: "turn a failure into a pass, the operator itself being taken over",
			how:  changes(record, `spec: {result: Passed}`),
			must: refusedByRBAC(),
			but:  writes,
		},
		{by: tara, wants: "delete the record of a failure", how: deletes(record), must: refusedBy("sluice-releaserecords", instead), but: prunes},
		{by: paul, wants: "delete production's history", how: deletes(history), must: refusedBy("sluice-releaserecords", instead), but: prunes},
		{
			by: root, wants: "delete production's history as an administrator",
			how:  deletes(history),
			must: refusedBy("sluice-releaserecords", instead),
			but:  prunes,
		},
		{
			by: tara, wants: "have a record pass for another pipeline's",
			how:  changes(record, `metadata: {labels: {sluice.dev/pipeline: other}}`),
			must: refusedBy("sluice-releaserecords", instead),
		},
		{
			by: paul, wants: "give a record an owner that is gone, so that the garbage collector deletes it",
			how:  changes(history, `metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: gone, uid: gone}]}`),
			must: refusedBy("sluice-releaserecords", "create a Promotion"),
		},
		{by: edith, wants: "delete the record of a failure with the stock role", how: deletes(record), must: refusedByRBAC()},
	}
}
