// Package controller drives the deciders: it gathers what they need from the cache, performs what they plan, and writes
// status once a pass. It decides nothing itself.
package controller
