package attacks_test

// threats is the threat model: what insiders try on the API server, by intent or by mistake, and what stops them. Each
// is tried by every verb that can carry it; what is refused changes nothing, and says what to do instead. After each
// comes what somebody may do: the policies stop nobody else.
//
// The operator is not running: all of this holds without it. What the API server has to accept, and the operator must
// not honour, is in operator_threats_test.go.
func threats() []threat {
	return []threat{
		{"change production directly", changeProduction()},
		{"run production's own repository under another name", aliases()},
		{"unlock a namespace", unlock()},
		{"weaken an environment", weaken()},
		{"forge a sign-off, or give one to oneself", signOff()},
		{"take a sign-off back, or a rejection", unsign()},
		{"have an emergency pass without a review", review()},
		{"rewrite what was asked for", rewrite()},
		{"edit a status", status()},
		{"delete or forge evidence", evidence()},
		{"skip a gate, or pass for one that passed", skipGates()},
		{"use the images of gates", gateImages()},
		{"be the operator", beTheOperator()},
		{"take the guards away", guards()},
		{"grant oneself rights", grant()},
	}
}

const (
	bringItIn = "Bring an image in with a Promotion"
	foreign   = "docker.io/attacker/miner:1"
)

// Production runs promoted images and nothing else, whichever kind of object names them.
func changeProduction() []attack {
	var rows []attack
	for _, kind := range kindsThatRun {
		live := the(kind, "shop-prod", "live")
		anywhere := creates(runs(kind, "shop-prod", "evil", one(foreign)))
		if kind != "Job" { // the template of a Job cannot be changed at all
			anywhere = anywhere.and(setsImage(live, foreign))
		}
		rows = append(rows, attack{
			by: paul, wants: "run an image that nobody promoted, in a " + kind, how: anywhere,
			must: refusedBy("sluice-lock", bringItIn),
			but:  twin{by: paul, does: "runs a promoted image in a " + kind, how: creates(runs(kind, "shop-prod", "good", one("$API@$CURRENT")))},
		})
	}
	promoted := "containers: [{name: c, image: $API@$CURRENT}]"
	generated := runs("Pod", "shop-prod", "", one(foreign))
	generated.SetGenerateName("evil-")
	rows = append(rows,
		attack{
			by: dave, wants: "hide it behind a generated name", how: creates(generated), must: refusedBy("sluice-lock", bringItIn),
		},
		attack{
			by: dave, wants: "hide it in a second container",
			how:  creates(runs("Deployment", "shop-prod", "evil", "containers: [{name: c, image: $API@$CURRENT}, {name: second, image: "+foreign+"}]")),
			must: refusedBy("sluice-lock", bringItIn),
			but: twin{by: dave, does: "runs a sidecar that allowedImages lists", how: creates(runs("Deployment", "shop-prod", "good",
				"containers: [{name: c, image: $API@$CURRENT}, {name: second, image: registry.example.com/mesh/proxy:3}]"))},
		},
		attack{
			by: dave, wants: "hide it in an init container",
			how: creates(runs("Pod", "shop-prod", "evil", promoted+"\ninitContainers: [{name: i, image: "+foreign+"}]")).
				and(creates(runs("Deployment", "shop-prod", "evil", promoted+"\ninitContainers: [{name: i, image: "+foreign+"}]"))),
			must: refusedBy("sluice-lock", bringItIn),
			but: twin{by: dave, does: "runs a promoted image as init container", how: creates(runs("Pod", "shop-prod", "good",
				promoted+"\ninitContainers: [{name: i, image: $API@$CURRENT}]"))},
		},
		attack{
			by: dave, wants: "bring its files in by an image volume",
			how: creates(runs("Pod", "shop-prod", "evil", promoted+"\nvolumes: [{name: v, image: {reference: "+foreign+"}}]")).
				and(creates(runs("StatefulSet", "shop-prod", "evil", promoted+"\nvolumes: [{name: v, image: {reference: "+foreign+"}}]"))),
			must: refusedBy("sluice-lock", bringItIn),
			but: twin{by: dave, does: "mounts a promoted image", how: creates(runs("Pod", "shop-prod", "good",
				promoted+"\nvolumes: [{name: v, image: {reference: $API@$CURRENT}}]"))},
		},
		attack{
			by: dave, wants: "enter a running pod with a debug container", how: debug("shop-prod", "live", foreign),
			must: refusedBy("sluice-lock", bringItIn),
			but:  twin{by: dave, does: "debugs with a promoted image", how: debug("shop-prod", "live", "$API@$CURRENT")},
		},
		attack{
			by: edith, wants: "set another image with the stock role", how: setsImage(the("Deployment", "shop-prod", "live"), foreign),
			must: refusedBy("sluice-lock", bringItIn),
			but: twin{by: edith, does: "restarts a Deployment", how: changes(the("Deployment", "shop-prod", "live"),
				`spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: "2026-08-01"}}}}`)},
		},
		attack{
			by: paul, wants: "pass for a static pod of a node",
			how:  creates(with(runs("Pod", "shop-prod", "evil", one(foreign)+"\nnodeName: node-0"), `metadata: {annotations: {kubernetes.io/config.mirror: x}}`)),
			must: refusedBy("sluice-lock", bringItIn),
		},
		attack{
			by: paul, wants: "have a workload left alone (sluice.dev/delivery: Ignore), and so unlocked",
			how: creates(with(runs("Deployment", "shop-prod", "evil", one(foreign)), `metadata: {annotations: {sluice.dev/delivery: Ignore}}`)).
				and(creates(with(runs("Pod", "shop-prod", "evil", one(foreign)), `metadata: {annotations: {sluice.dev/delivery: Ignore}}`))),
			must: refusedBy("sluice-lock", bringItIn),
			but: twin{by: dave, does: "has a workload left alone where the lock is off", shows: marksTemplate,
				how: creates(with(runs("Deployment", "shop-dev", "green", one("$API:green")), `metadata: {annotations: {sluice.dev/delivery: Ignore}}`))},
		},
		attack{
			by: replicaSetController, wants: "bring an old ReplicaSet's pods back", how: creates(runs("Pod", "shop-prod", "evil", one("$API@$UNPROMOTED"))),
			must: refusedBy("sluice-lock", bringItIn),
			but:  twin{by: replicaSetController, does: "makes pods for the rollback", how: creates(runs("Pod", "shop-prod", "good", one("$API@$PREVIOUS")))},
		},
		attack{
			by: flux, wants: "deploy from Git what nobody promoted",
			how: creates(runs("Deployment", "shop-prod", "evil", one("$API:v9"))).
				and(setsImage(the("Deployment", "shop-prod", "live"), "$API:v9")),
			must: pinned(),
			but:  twin{by: flux, does: "applies a manifest with the promoted image", how: creates(runs("Deployment", "shop-prod", "good", one("$API@$CURRENT")))},
		},
		attack{
			by: dave, wants: "roll production back around Sluice, to a digest that is still allowed",
			how: setsImage(the("Deployment", "shop-prod", "live"), "$API@$PREVIOUS").
				and(setsImage(the("StatefulSet", "shop-prod", "live"), "$API@$PREVIOUS")).
				and(setsImage(the("DaemonSet", "shop-prod", "live"), "$API@$PREVIOUS")).
				and(setsImage(the("CronJob", "shop-prod", "live"), "$API@$PREVIOUS")),
			must: pinned(),
		},
		attack{
			by: ci, wants: "deploy a digest that was built a minute ago",
			how: setsImage(the("Deployment", "shop-prod", "live"), "$API@$UNPROMOTED").
				and(creates(runs("Job", "shop-prod", "evil", one("$API@$UNPROMOTED")))),
			must: pinned(),
		},
		attack{
			by: dave, wants: "run such a digest in a pod of its own, or in what the pin does not write",
			how: creates(runs("Pod", "shop-prod", "evil", one("$API@$UNPROMOTED"))).
				and(setsImage(the("Pod", "shop-prod", "live"), "$API@$UNPROMOTED")).
				and(creates(runs("ReplicaSet", "shop-prod", "evil", one("$API@$UNPROMOTED")))).
				and(creates(runs("ReplicationController", "shop-prod", "evil", one("$API@$UNPROMOTED")))).
				and(creates(runs("PodTemplate", "shop-prod", "evil", one("$API@$UNPROMOTED")))),
			must: refusedBy("sluice-lock", bringItIn),
		},
		attack{
			by: dave, wants: "run a tag in a pod, so that whatever it points to runs", how: creates(runs("Pod", "shop-prod", "evil", one("$API:latest"))),
			must: pinned(),
		})
	return rows
}

// A registry answers to several names. The one that the pipeline writes is not the only one that is guarded.
func aliases() []attack {
	other := twin{by: paul, does: "runs an image of no pipeline where they are allowed", how: creates(runs("Pod", "shop-mixed", "good", one("docker.io/library/redis:7")))}
	var rows []attack
	for _, alias := range []struct{ wants, image string }{
		{"upper case", "REGISTRY.Example.com/shop/api@$UNPROMOTED"},
		{"the port that https has anyway", "registry.example.com:443/shop/api@$UNPROMOTED"},
		{"a tag beside the digest", "$API:v1@$UNPROMOTED"},
		{"a short name of Docker Hub", "shop/web@$UNPROMOTED"},
		{"the old name of Docker Hub", "index.docker.io/shop/web@$UNPROMOTED"},
		{"another algorithm", "$API@sha512:" + words["OTHER_HASH"] + words["OTHER_HASH"]},
	} {
		rows = append(rows, attack{
			by: paul, wants: alias.wants + ", where images of no pipeline may run",
			how:  creates(runs("Pod", "shop-mixed", "evil", one(alias.image))).and(creates(runs("ReplicaSet", "shop-mixed", "evil", one(alias.image)))),
			must: refusedBy("sluice-lock", bringItIn), but: other,
		})
	}
	return append(rows,
		attack{
			by: paul, wants: "any of these, in a workload",
			how: creates(runs("Deployment", "shop-mixed", "evil", one("REGISTRY.Example.com/shop/api@$UNPROMOTED"))).
				and(creates(runs("Deployment", "shop-mixed", "evil", one("registry.example.com:443/shop/api:v9")))).
				and(creates(runs("Deployment", "shop-mixed", "evil", one("$API:v1@$UNPROMOTED")))).
				and(creates(runs("Deployment", "shop-mixed", "evil", one("shop/web")))).
				and(creates(runs("Deployment", "shop-mixed", "evil", one("index.docker.io/shop/web:9")))),
			must: pinned(),
		},
		attack{
			by: paul, wants: "the same program from another repository", how: creates(runs("Pod", "shop-prod", "evil", one("registry.example.com/shop/api2@$UNPROMOTED"))),
			must: refusedBy("sluice-lock", bringItIn),
		},
		attack{
			by: paul, wants: "a repository whose name begins like one that is allowed", how: creates(runs("Pod", "shop-prod", "evil", one("registry.example.com/mesh-evil/x:1"))).
				and(creates(runs("Pod", "shop-prod", "evil", one("registry.example.com/mesh/../shop/api:1")))),
			// The second is no reference at all, and a registry would read it as it likes.
			must: refusedBy("sluice-lock", bringItIn),
		})
}

// What is enforced stands in labels and annotations of the Namespace, which whoever may edit it could edit.
func unlock() []attack {
	prod := the("Namespace", "", "shop-prod")
	const instead = "change the Environment in namespace shop-prod instead"
	byHand := twin{
		by: pat, does: "breaks the glass: allows the release before by hand", shows: namesPat,
		how: changes(prod, `metadata: {annotations: {sluice.dev/pins: "$API@$PREVIOUS"}}`),
	}
	team := twin{by: paul, does: "labels the namespace", how: changes(prod, `metadata: {labels: {team: shop}}`)}
	return []attack{
		{
			by: paul, wants: "switch the lock off",
			how:  changes(prod, `metadata: {labels: {sluice.dev/lock: "Off"}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  byHand,
		},
		{
			by: paul, wants: "take the label of the lock away",
			how:  changes(prod, `metadata: {labels: {sluice.dev/lock: null}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  team,
		},
		{
			by: paul, wants: "have it only audited",
			how:  changes(prod, `metadata: {labels: {sluice.dev/lock: Audit}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  team,
		},
		{
			by: dave, wants: "put an image on the list of what may run",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/images: "`+foreign+`"}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  byHand,
		},
		{
			by: dave, wants: "move the pin",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/pins: "$API@$UNPROMOTED"}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  byHand,
		},
		{
			by: dave, wants: "have images of no pipeline let in",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/unmanaged: Allow, sluice.dev/prefixes: docker.io/}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  team,
		},
		{
			by: dave, wants: "have an image pass for one that was adopted, or for a gate's",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/adopted: "$API:v9=$UNPROMOTED", sluice.dev/others: "`+foreign+`", sluice.dev/gate-images: "`+foreign+`"}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  team,
		},
		{
			by: dave, wants: "let the repository go",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/owners: null, sluice.dev/pins: null}}`),
			must: refusedBy("sluice-namespaces", instead),
			but:  team,
		},
		{
			by: flux, wants: "overwrite the labels of the namespace from Git",
			how:  changes(prod, `metadata: {labels: {sluice.dev/lock: "Off", team: shop}}`).by("apply with force"),
			must: refusedBy("sluice-namespaces", instead),
			but:  twin{by: flux, does: "applies other labels", how: changes(prod, `metadata: {labels: {team: shop}}`).by("apply with force")},
		},
		{
			by: paul, wants: "go through the status of the namespace",
			how:  changesThrough("status", prod, `metadata: {labels: {sluice.dev/lock: "Off"}}`),
			must: refusedBy("sluice-namespaces", instead),
		},
		{
			by: paul, wants: "go through its finalizers",
			how:  changesThrough("finalize", prod, `metadata: {labels: {sluice.dev/lock: "Off"}}`).by("PUT"),
			must: refusedBy("sluice-namespaces", instead),
		},
		{
			by: paul, wants: "delete the namespace, and make it again without a lock",
			how:  deletes(the("Namespace", "", "shop-bare")),
			must: refusedBy("sluice-namespaces", "takes the verb unlock on environments"),
			but:  twin{by: pat, does: "deletes a locked namespace", how: deletes(the("Namespace", "", "shop-bare"))},
		},
		{
			by: flux, wants: "make a namespace that is born with a list of its own",
			how:  creates(object(`{apiVersion: v1, kind: Namespace, metadata: {name: shop-new, labels: {sluice.dev/lock: Enforce}, annotations: {sluice.dev/images: "` + foreign + `"}}}`)),
			must: refusedBy("sluice-namespaces", "change the Environment in namespace shop-new instead"),
			but:  twin{by: flux, does: "makes a namespace", how: creates(object(`{apiVersion: v1, kind: Namespace, metadata: {name: shop-new}}`))},
		},
		{
			by: pat, wants: "break the glass, and the seal by which the operator would see it",
			how:  changes(prod, `metadata: {annotations: {sluice.dev/seal: forged, sluice.dev/pins: "$API@$UNPROMOTED"}}`),
			must: refusedBy("sluice-namespaces", "the operator's alone: leave it as it is"),
			but:  byHand,
		},
		{
			by: adam, wants: "edit the namespace with the stock role",
			how:  changes(prod, `metadata: {labels: {sluice.dev/lock: "Off"}}`),
			must: refusedByRBAC(),
		},
	}
}

// What production demands is the platform team's to say.
func weaken() []attack {
	environment := the("Environment", "shop-prod", "environment")
	const ask = "takes the verb unlock on environments there (ClusterRole sluice-platform): ask the platform team"
	tidied := twin{by: paul, does: "changes the order of the queue", how: changes(environment, `spec: {queue: InOrder}`)}
	var rows []attack
	for _, change := range []struct {
		by           *actor
		wants, merge string
	}{
		{paul, "have production called development", `spec: {tier: Development}`},
		{paul, "switch the lock off", `spec: {lock: "Off"}`},
		{dave, "demand no sign-off", `spec: {requires: {approvals: null}}`},
		{dave, "let requesters sign", `spec: {requires: {approvals: {excludes: [None]}}}`},
		{dave, "demand no evidence", `spec: {requires: {evidenceMode: None}}`},
		{dave, "take a gate away", `spec: {gates: null}`},
		{dave, "make a gate trivial", `spec: {gates: [{name: trivial, purpose: Functional, soak: {durationSeconds: 1}}]}`},
		{dave, "let gates of the team run in production", `spec: {teamGates: Allow}`},
		{ci, "let another pipeline in", `spec: {pipelines: [{namespace: mallory, name: "*", repositories: [docker.io/]}]}`},
		{ci, "let another repository in", `spec: {pipelines: [{namespace: shop, name: checkout, repositories: [docker.io/, registry.example.com/shop/]}]}`},
		{dave, "lift a freeze", `spec: {freezes: null}`},
		{dave, "allow emergencies that he approves himself", `spec: {emergencies: {groups: [developers], requester: Allow}}`},
		{flux, "let images of no pipeline in", `spec: {unmanagedImages: Allow}`},
		{dave, "have webhooks call into the network of the nodes", `spec: {webhookNetworks: [10.0.0.0/8]}`},
		{flux, "list an image as allowed", `spec: {allowedImages: [docker.io/attacker/]}`},
		{paul, "give it an owner that is gone, so that the garbage collector deletes it", `metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: gone, uid: gone}]}`},
	} {
		rows = append(rows, attack{by: change.by, wants: change.wants, how: changes(environment, change.merge), must: refusedBy("sluice-environments", ask), but: tidied})
	}
	weaker := object(`{apiVersion: sluice.dev/v1alpha1, kind: Environment, metadata: {namespace: shop-bare, name: environment},
		spec: {tier: Development, pipelines: [{namespace: shop, name: checkout, repositories: [docker.io/]}]}}`)
	witness := object(`{apiVersion: sluice.dev/v1alpha1, kind: Environment, metadata: {namespace: shop-dev, name: environment},
		spec: {tier: Test, pipelines: [{namespace: shop, name: checkout, repositories: [registry.example.com/shop/]}],
		gates: [{name: trivial, purpose: Stress, soak: {durationSeconds: 1}}]}}`)
	template := the("GateTemplate", "", "peak-load")
	rows = append(rows, attack{
		by: flux, wants: "make the stress test that production demands trivial",
		how:  changes(template, `spec: {gate: {load: {thresholds: {p99Microseconds: 2000000000}}}}`),
		must: refusedBy("sluice-gatetemplates", "takes the verb unlock on environments in all namespaces"),
		but:  twin{by: pat, does: "edits a GateTemplate", how: changes(template, `spec: {gate: {load: {thresholds: {p99Microseconds: 100000}}}}`)},
	})
	return append(rows,
		attack{
			by: paul, wants: "delete it",
			how:  deletes(environment),
			must: refusedBy("sluice-environments", ask),
			but:  twin{by: pat, does: "deletes an Environment", how: deletes(environment)},
		},
		attack{
			by: paul, wants: "put a weaker one where there is none now",
			how:  creates(weaker),
			must: refusedBy("sluice-environments", ask),
			but:  twin{by: pat, does: "puts an Environment there", how: creates(weaker)},
		},
		attack{
			by: dave, wants: "bring a test environment of his own, whose gates pass",
			how:  creates(witness),
			must: refusedBy("sluice-environments", "an Environment of tier Test, whose gates are evidence in production, in namespace shop-dev "+ask),
			but:  twin{by: dave, does: "makes a development environment", how: creates(with(witness, `spec: {tier: Development}`))},
		},
		attack{
			by: paul, wants: "put a second one beside it",
			how:  creates(with(the("Environment", "shop-prod", "second"), `spec: {tier: Development, pipelines: [{namespace: shop, name: checkout, repositories: [docker.io/]}]}`)),
			must: refusedBySchema("a namespace has one Environment, and its name is environment"),
		},
		attack{
			by: adam, wants: "change it with the stock role",
			how:  changes(environment, `spec: {lock: "Off"}`).and(deletes(environment)),
			must: refusedByRBAC(),
			but:  twin{by: pat, does: "changes what production demands", how: changes(environment, `spec: {allowedImages: [registry.example.com/mesh/]}`)},
		})
}
