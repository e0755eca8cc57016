// Package junit reads the reports of test runs in the XML that JUnit made common, and carries what they say from the pod of a
// test to the operator, which judges it. It is pure, and reads what anybody may have written: parse.go counts test cases itself, believes no
// total that a report claims unless it is worse, and holds no more than a few failures at a time.
package junit
