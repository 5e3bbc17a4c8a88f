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
	if c.Against == "" {
		for _, what := range policy.DeniedAltogether(context.Background(), p) {
			fmt.Fprintln(k.Stdout, "denied:", what)
		}
	} else {
		before, err := readPolicy(k.Stdout, c.Against)
		if err != nil {
			return err
		}
		for _, consequence := range policy.Consequences(context.Background(), []*policy.Policy{before}, p, nil) {
			for _, what := range consequence.List {
				fmt.Fprintln(k.Stdout, consequence.Word, what)
			}
		}
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
