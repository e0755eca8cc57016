// Package policy knows the admission policies and bindings that this version of Sluice ships (config/admission), and
// compares with them what an API server has. A policy cannot guard policies: the operator watches them instead, and lets
// nothing into a locked environment while one is missing or altered.
//
// The comparison is by meaning: what the API server fills in by itself is no difference, and neither are labels,
// annotations and status. Everything else in a spec is, because one more matchCondition, an excluded resource or a
// narrower selector opens what the policy was there to close. Policies and bindings of others do not matter.
package policy
