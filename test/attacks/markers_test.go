package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// generation counts the markers, each of which shows that all changes of policies before it are in force.
var generation int

// awaitPolicies returns when the API server acts on all policies and bindings as they are now. It looks at them once a
// second, all at a time, and reads them in the order in which they were written: so it has seen everything else once it
// acts on a marker that was written last.
func awaitPolicies(ctx context.Context) error {
	generation++
	marker := strconv.Itoa(generation)
	for _, binding := range []thing{
		object(`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: marker-` + marker + `},
			spec: {policyName: marker, validationActions: [Deny], matchResources: {objectSelector: {matchLabels: {marker: "` + marker + `"}}}}}`),
		object(`{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicyBinding, metadata: {name: marker-` + marker + `},
			spec: {policyName: marker, matchResources: {objectSelector: {matchLabels: {marker: mutated-` + marker + `}}}}}`),
	} {
		if err := root.Create(ctx, binding); err != nil {
			return err
		}
	}
	return soon(ctx, "the policies to be in force", func() error {
		if err := root.Create(ctx, markedBy(marker), client.DryRunAll); !apierrors.IsForbidden(err) {
			return fmt.Errorf("validating policies are not: %w", err)
		}
		mutated := markedBy("mutated-" + marker)
		if err := root.Create(ctx, mutated, client.DryRunAll); err != nil {
			return err
		}
		if mutated.GetAnnotations()["marker"] == "" {
			return errors.New("mutating policies are not")
		}
		return nil
	})
}

func markedBy(marker string) thing {
	return object(`{apiVersion: v1, kind: ConfigMap, metadata: {namespace: default, name: marker, labels: {marker: "` + marker + `"}}}`)
}

// setMarkers makes the policies whose bindings are the markers.
func setMarkers(ctx context.Context) error {
	return errors.Join(root.Create(ctx, object(markerPolicies[0])), root.Create(ctx, object(markerPolicies[1])))
}

var markerPolicies = []string{
	`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: marker}, spec: {
		matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]},
		validations: [{expression: "false", message: in force, reason: Forbidden}]}}`,
	`{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicy, metadata: {name: marker}, spec: {
		matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]},
		reinvocationPolicy: Never,
		mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: 'Object{metadata: Object.metadata{annotations: {"marker": "seen"}}}'}}]}}`,
}
