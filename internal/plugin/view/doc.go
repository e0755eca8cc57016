// Package view turns objects of Sluice into lines for a person: tables, trees, what changed between two looks, and what
// an approver signs. It is pure: objects and the present time in, lines out. It reads no clock, no terminal and no API.
//
// Whatever comes from an object was written by somebody. A reader decides by it, an approver even signs by it: so no
// text can move the cursor, colour itself or turn around the direction of writing (see clean).
package view
