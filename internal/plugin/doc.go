// Package plugin is kubectl-sluice: what people type. It reads objects, has package view turn them into lines, draws
// these on a terminal or writes them to a pipe, and signs Approvals. It decides nothing that the API server or the
// operator decides: it shows what they said.
package plugin
