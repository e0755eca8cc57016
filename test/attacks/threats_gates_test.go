package attacks_test

import inprocess "github.com/sluice-dev/sluice/test/operator"

const (
	leaveTheLabelOut = "leave the label out, or declare a gate"
	createAJob       = "create a Job, or leave the label out"
	anotherName      = "choose another name"
	instead          = "leave the label out"

	aNamespaceOfYourOwn = "debug the same image in a namespace of your own"
)

// A gate passed if its Job did: so nobody else makes, changes, ends or counts as one.
func skipGates() []attack {
	job, pod := the("Job", "shop-test", gateJob), the("Pod", "shop-test", words["GATE_POD"])
	mine, live := the("Job", "shop-test", "mine"), the("Pod", "shop-test", "live")
	gate := with(runs("Job", "shop-test", "sl-11111111111111111111", one("$TESTS@$CURRENT")),
		`{metadata: {labels: {sluice.dev/gate: acceptance}}, spec: {template: {metadata: {labels: {sluice.dev/gate: acceptance}}}}}`)
	jobLike := func(name, fields string) thing {
		return with(runs("Job", "shop-test", name, one("$API@$CURRENT")), fields)
	}
	podLike := func(name, fields string) thing {
		return with(runs("Pod", "shop-test", name, one("$API@$CURRENT")), fields)
	}
	generated := jobLike("", "")
	generated.SetGenerateName("sl-")
	ofGates := func(jobTemplate string) thing {
		return with(runs("CronJob", "shop-test", "evil", one("$API@$CURRENT")), `spec: {jobTemplate: `+jobTemplate+`}`)
	}
	owned := `metadata: {labels: {batch.kubernetes.io/controller-uid: $GATE_JOB_UID, batch.kubernetes.io/job-name: ` + gateJob + `}}`
	makes := twin{by: operator, does: "makes the Job of a gate", how: creates(gate)}
	migrates := twin{by: tara, does: "makes a Job", how: creates(jobLike("migrate", ""))}
	runsPod := twin{by: tara, does: "makes a pod", how: creates(podLike("good", ""))}
	return []attack{
		{
			by: tara, wants: "report the gate's Job as done, before its test ends",
			how:  changesThrough("status", job, `status: {succeeded: 1}`),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  twin{by: jobController, does: "reports a Job", how: changesThrough("status", job, `status: {ready: 0}`)},
		},
		{
			by: operator, wants: "report it as done, the operator itself being taken over",
			how:  changesThrough("status", job, `status: {succeeded: 1}`),
			must: refusedByRBAC(),
		},
		{
			by: tara, wants: "delete the gate's Job, whose test is about to fail",
			how:  deletes(job),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  twin{by: operator, does: "deletes the Job of a gate", how: deletes(job)},
		},
		{
			by: edith, wants: "delete it with the stock role",
			how:  deletes(job),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  twin{by: edith, does: "deletes a Job of her own", how: deletes(mine)},
		},
		{
			by: tara, wants: "suspend the gate's Job",
			how:  changes(job, `spec: {suspend: true}`),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  twin{by: tara, does: "suspends a Job of her own", how: changes(mine, `spec: {suspend: true}`)},
		},
		{
			by: tara, wants: "take the name of the next gate's Job, with a Job that passes",
			how:  creates(jobLike("sl-22222222222222222222", "")),
			must: refusedBy("sluice-gate-names", anotherName),
			but:  migrates,
		},
		{by: tara, wants: "guess it by a generated name", how: creates(generated), must: refusedBy("sluice-gate-names", anotherName), but: migrates},
		{
			by: tara, wants: "make a Job that looks like a gate's",
			how:  creates(jobLike("evil", `metadata: {labels: {sluice.dev/gate: acceptance}}`)),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  makes,
		},
		{
			by: tara, wants: "have a Job of hers look like a gate's later",
			how:  changes(mine, `metadata: {labels: {sluice.dev/gate: acceptance}}`),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  twin{by: tara, does: "labels a Job of hers", how: changes(mine, `metadata: {labels: {team: shop}}`)},
		},
		{
			by: impostor, wants: "make a gate's Job in the operator's name",
			how:  creates(jobLike("evil", `metadata: {labels: {sluice.dev/gate: acceptance}}`)).by("create"),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  makes,
		},
		{
			by: tara, wants: "make a pod that the gate's Job counts as its own",
			how:  creates(podLike("evil", owned)),
			must: refusedBy("sluice-job-pods", createAJob),
			but:  runsPod,
		},
		{
			by: edith, wants: "make such a pod with the stock role",
			how:  creates(podLike("evil", owned)),
			must: refusedBy("sluice-job-pods", createAJob),
			but:  twin{by: edith, does: "makes a pod", how: creates(podLike("good", ""))},
		},
		{
			by: tara, wants: "have the gate's Job adopt a pod that runs",
			how:  changes(live, owned),
			must: refusedBy("sluice-job-pods", createAJob),
			but:  twin{by: tara, does: "labels a pod", how: changes(live, `metadata: {labels: {team: shop}}`)},
		},
		{
			by: replicaSetController, wants: "have a ReplicaSet make such a pod",
			how:  creates(podLike("evil", owned)).by("create"),
			must: refusedBy("sluice-job-pods", createAJob),
			but:  twin{by: jobController, does: "makes the pod of a Job", how: creates(podLike("good", owned))},
		},
		{
			by: edith, wants: "have the Job controller make such a pod, of a Job with a selector of its own, and orphan it",
			how: creates(jobLike("evil", `spec: {manualSelector: true, selector: {matchLabels: {batch.kubernetes.io/controller-uid: $GATE_JOB_UID}},
				template: {metadata: {labels: {batch.kubernetes.io/controller-uid: $GATE_JOB_UID}}}}`)),
			must: refusedBy("sluice-job-labels", instead),
			but:  twin{by: edith, does: "makes a Job", how: creates(jobLike("migrate", ""))},
		},
		{
			by: edith, wants: "have the Job controller make pods that look like a gate's",
			how: creates(jobLike("evil", `{metadata: {labels: {team: shop}}, spec: {template: {metadata: {labels: {sluice.dev/gate: acceptance}}}}}`)).
				and(creates(ofGates(`{spec: {template: {metadata: {labels: {sluice.dev/gate: acceptance}}}}}`))).
				and(creates(ofGates(`{metadata: {labels: {sluice.dev/gate: acceptance}}}`))),
			must: refusedBy("sluice-job-labels", instead),
			but:  twin{by: edith, does: "makes a Job whose pods have labels", how: creates(jobLike("migrate", `spec: {template: {metadata: {labels: {team: shop}}}}`))},
		},
		{
			by: tara, wants: "make a pod that looks like a gate's",
			how:  creates(podLike("evil", `metadata: {labels: {sluice.dev/gate: acceptance}}`)),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  runsPod,
		},
		{
			by: tara, wants: "take the gate's pod from the gate",
			how:  changes(pod, `metadata: {labels: {sluice.dev/gate: null}}`),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
			but:  twin{by: tara, does: "annotates a gate's pod", how: changes(pod, `metadata: {annotations: {seen: "yes"}}`)},
		},
		{
			by: tara, wants: "write the result of the test into the status of its pod",
			how:  changesThrough("status", pod, `status: {phase: Succeeded}`),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
		},
		{
			by: edith, wants: "have the gate's pod run something else, which passes",
			how:  setsImage(pod, "$API@$CURRENT"),
			must: refusedBy("sluice-gates", leaveTheLabelOut),
		},
		{
			by: tara, wants: "enter the test with a debug container of a promoted image",
			how:  debug("shop-test", words["GATE_POD"], "$API@$CURRENT"),
			must: refusedBy("sluice-gates", aNamespaceOfYourOwn),
			but:  twin{by: tara, does: "debugs a pod of hers", how: debug("shop-test", "live", "$API@$CURRENT")},
		},
		{
			by: edith, wants: "enter the test with kubectl exec",
			how:  connects(edith, "exec", "shop-test", words["GATE_POD"]),
			must: refusedBy("sluice-gate-access", aNamespaceOfYourOwn),
			but:  twin{by: edith, does: "enters a pod of hers", how: connects(edith, "exec", "shop-test", "live")},
		},
		{
			by: edith, wants: "enter the test with kubectl attach",
			how:  connects(edith, "attach", "shop-test", words["GATE_POD"]),
			must: refusedBy("sluice-gate-access", aNamespaceOfYourOwn),
			but:  twin{by: edith, does: "attaches to a pod of hers", how: connects(edith, "attach", "shop-test", "live")},
		},
	}
}

// Test images are allowed while their gate runs: for the gate, not for everybody.
func gateImages() []attack {
	job := with(runs("Job", "shop-test", "good", one("$API@$CURRENT")), "")
	return []attack{
		{
			by: tara, wants: "run the gate's image in a Job of her own",
			how:  creates(runs("Job", "shop-test", "evil", one("$TESTS@$CURRENT"))),
			must: refusedBy("sluice-lock", bringItIn),
			but:  twin{by: tara, does: "runs a promoted image in a Job", how: creates(job)},
		},
		{
			by: dave, wants: "run the gate's image in production",
			how:  creates(runs("Pod", "shop-prod", "evil", one("$TESTS@$CURRENT"))).and(creates(runs("Deployment", "shop-prod", "evil", one("$TESTS@$CURRENT")))),
			must: refusedBy("sluice-lock", bringItIn),
		},
		{
			by: operator, wants: "run another image in a gate's Job, the operator itself being taken over",
			how:  creates(with(runs("Job", "shop-test", "sl-33333333333333333333", one("$TESTS@$UNPROMOTED")), `metadata: {labels: {sluice.dev/gate: acceptance}}`)).by("create"),
			must: refusedBy("sluice-lock", bringItIn),
		},
		{
			by: replicaSetController, wants: "have a Deployment run it, with the label of a gate",
			how:  creates(with(runs("Pod", "shop-test", "evil", one("$TESTS@$CURRENT")), `metadata: {labels: {sluice.dev/gate: acceptance}}`)).by("create"),
			must: refusedBy("sluice-lock", bringItIn),
		},
	}
}

// The operator is known by its ServiceAccount and by a token that is bound to its pod.
func beTheOperator() []attack {
	prod := the("Namespace", "", "shop-prod")
	const instead = "change the Environment in namespace shop-prod instead"
	enforces := twin{by: operator, does: "writes the enforced copy", how: changes(prod, `metadata: {annotations: {sluice.dev/pins: "$API@$PREVIOUS"}}`).by("merge patch")}
	return []attack{
		{
			by: impostor, wants: "move the pin in its name",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/pins: "$API@$UNPROMOTED"}}`).by("merge patch", "JSON patch", "strategic merge patch"),
			must: refusedBy("sluice-namespaces", instead),
			but:  enforces,
		},
		{
			by: minted, wants: "move the pin with a token of its ServiceAccount",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/pins: "$API@$UNPROMOTED"}}`).by("merge patch", "JSON patch", "strategic merge patch"),
			must: refusedBy("sluice-namespaces", instead),
			but:  enforces,
		},
		{
			by: impostor, wants: "call a failed promotion a success in its name",
			how:  changes(the("Promotion", "shop", "finished"), `metadata: {labels: {sluice.dev/outcome: Succeeded}}`).by("merge patch", "JSON patch"),
			must: refusedBy("sluice-promotions", "create another Promotion"),
		},
		{
			by: operator, wants: "weaken Pod Security in production, the operator itself being taken over",
			how:  changes(prod, `metadata: {labels: {pod-security.kubernetes.io/enforce: privileged}}`).by("merge patch", "JSON patch", "strategic merge patch"),
			must: refusedBy("sluice-namespaces", "and nothing else in a Namespace"),
			but:  enforces,
		},
		{
			by: operator, wants: "make a pod, the operator itself being taken over",
			how:  creates(runs("Pod", "shop-prod", "evil", one("$API@$CURRENT"))),
			must: refusedByRBAC(),
		},
		{by: operator, wants: "sign, the operator itself being taken over", how: creates(approval("forged", "release", "")), must: refusedByRBAC()},
		{
			by: operator, wants: "change what production demands, the operator itself being taken over",
			how:  changes(the("Environment", "shop-prod", "environment"), `spec: {lock: "Off"}`),
			must: refusedByRBAC(),
		},
		{by: dave, wants: "ask for a token of its ServiceAccount", how: asksForToken("sluice-system", "sluice"), must: refusedByRBAC()},
		{
			by: dave, wants: "act in its name, or in alice's (kubectl --as)",
			how:  impersonates("dave", inprocess.Name).and(impersonates("dave", "alice")),
			must: refusedByRBAC(),
		},
	}
}

// Whoever may delete the kinds or the policies has won. Kinds are guarded; policies guard nothing of their own kind.
func guards() []attack {
	var rows []attack
	for _, kind := range []string{"releaserecords", "environments", "approvals", "promotions", "deliverypipelines", "gatetemplates"} {
		crd := the("CustomResourceDefinition", "", kind+".sluice.dev")
		rows = append(rows, attack{
			by: flux, wants: "delete the kind " + kind + ", and all its objects with it",
			how:  deletes(crd),
			must: refusedBy("sluice-crds", "take the policies away first"),
		})
	}
	records := the("CustomResourceDefinition", "", "releaserecords.sluice.dev")
	return append(rows,
		attack{
			by: flux, wants: "let records be changed",
			how:  changes(records, `spec: {names: {categories: [all]}}`),
			must: refusedBy("sluice-crds", "ask the platform team"),
			but:  twin{by: pat, does: "upgrades a kind", how: changes(records, `spec: {names: {categories: [all]}}`)},
		},
		attack{
			by: flux, wants: "have another server answer for sluice.dev",
			how: changes(object(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1alpha1.sluice.dev}}`),
				`spec: {service: {namespace: shop, name: evil}, insecureSkipTLSVerify: true}`),
			must: refusedBy("sluice-apiservices", "leave spec.service out"),
		},
		attack{
			by: paul, wants: "delete the binding of a policy",
			how:  deletes(the("ValidatingAdmissionPolicyBinding", "", "sluice-lock")),
			must: refusedByRBAC(),
		})
}

// Rights in Sluice are granted on purpose. Kubernetes lets nobody grant what one does not hold.
func grant() []attack {
	binding := func(role string) thing {
		return object(`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {namespace: shop-prod, name: evil},
			roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + role + `},
			subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: adam}]}`)
	}
	role := object(`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {namespace: shop-prod, name: evil},
		rules: [{apiGroups: [sluice.dev], resources: [environments], verbs: [unlock, restore]}]}`)
	binds := twin{by: adam, does: "binds a role that he holds", how: creates(binding("view"))}
	return []attack{
		{by: adam, wants: "make himself an approver", how: creates(binding("sluice-approver")), must: refusedByRBAC(), but: binds},
		{by: adam, wants: "make himself a member of the platform team", how: creates(binding("sluice-platform")), must: refusedByRBAC(), but: binds},
		{by: adam, wants: "make himself a backup tool", how: creates(binding("sluice-restore")), must: refusedByRBAC(), but: binds},
		{by: adam, wants: "give himself the rights of the operator", how: creates(binding("sluice-environment")), must: refusedByRBAC(), but: binds},
		{
			by: paul, wants: "write himself a role with unlock",
			how:  creates(role),
			must: refusedByRBAC(),
			but:  twin{by: paul, does: "writes a role of rights that he holds", how: creates(with(role, `rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]`))},
		},
	}
}
