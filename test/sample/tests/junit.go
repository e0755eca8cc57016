package main

import (
	"encoding/xml"
	"fmt"
	"os"
)

// suite is a report in the XML that JUnit made common.
type suite struct {
	XMLName  xml.Name   `xml:"testsuite"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Cases    []testCase `xml:"testcase"`
}

type testCase struct {
	Name    string   `xml:"name,attr"`
	Failure *failure `xml:"failure"`
}

type failure struct {
	Message string `xml:"message,attr"`
}

func (s *suite) add(name string, err error) {
	c := testCase{Name: name}
	if err != nil {
		c.Failure = &failure{Message: err.Error()}
		s.Failures++
	}
	s.Cases = append(s.Cases, c)
	s.Tests++
}

func (s *suite) write(path string) error {
	text, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	return os.WriteFile(path, text, 0o600)
}
