package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"doksportal/internal/policy"
)

type policyCmd struct {
	Check policyCheckCmd `cmd:"" help:"Look for faults in a policy and for what it denies altogether, without a portal."`
}

type policyCheckCmd struct {
	File    string `arg:"" help:"The policy."`
	Against string `placeholder:"FILE" help:"Say what the policy makes easier than the one in this file, and what only the new one denies altogether."`
}

// Run checks a policy and fails when it has faults.
func (c policyCheckCmd) Run(k *kong.Context) error {
	p, err := readPolicy(k.Stdout, c.File)
	if err != nil {
		return err
	}
	var before *policy.Policy
	if c.Against != "" {
		if before, err = readPolicy(k.Stdout, c.Against); err != nil {
			return err
		}
		for _, d := range []struct {
			word    string
			compare func(ctx context.Context, old, now *policy.Policy) []string
		}{
			{"easier:", policy.Relaxations}, {"decide:", policy.Newcomers}, {"denied:", policy.Denials}, {"wait:", policy.Delays},
		} {
			for _, what := range d.compare(context.Background(), before, p) {
				fmt.Fprintln(k.Stdout, d.word, what)
			}
		}
	}
	for _, what := range policy.Stops(context.Background(), before, p, nil) {
		fmt.Fprintln(k.Stdout, "denied:", what)
	}
	fmt.Fprintf(k.Stdout, "ok: %d rules\n", p.Rules())
	return nil
}

// readPolicy reads a file and writes its faults to w.
func readPolicy(w io.Writer, name string) (*policy.Policy, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p, faults := policy.Parse(text)
	for _, f := range faults {
		rule := ""
		if f.Rule != "" {
			rule = fmt.Sprintf("rule %q: ", f.Rule)
		}
		fmt.Fprintf(w, "%s:%d:%d: %s%s\n", name, f.Line, f.Column, rule, f.Message)
	}
	if len(faults) > 0 {
		return nil, errors.New(name + " has faults")
	}
	return p, nil
}
