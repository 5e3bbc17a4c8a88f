package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"doksportal/internal/doapi/dosim"
)

type simulatorCmd struct {
	Listen      string   `default:"127.0.0.1:8081" help:"Address of the API."`
	Token       string   `required:"" help:"The token that is accepted, with every scope."`
	ScopedToken []string `sep:"none" placeholder:"TOKEN=SCOPE,…" help:"A further token with these scopes only, e.g. t=kubernetes:read. May be repeated."`
	Speed       float64  `default:"1" help:"How much faster than the real API clusters change; at 200, five minutes take 1.5 seconds."`
	Data        string   `placeholder:"FILE" help:"Keep the state in this file; otherwise it is forgotten."`
	Fault       []string `sep:"none" placeholder:"SPEC" help:"Let requests fail: OPERATION,KEY=VALUE,… e.g. create_cluster,kind=lost,times=2. May be repeated."`
	Limits      bool     `default:"true" negatable:"" help:"Hold each token to 5000 requests an hour and 250 a minute."`
	Admin       bool     `help:"Serve /_sim/ too, without a token: faults, calls, and changes behind the clients' backs."`
}

// Run runs the simulator until ctx ends.
func (c simulatorCmd) Run(ctx context.Context) error {
	sim, err := c.simulator()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%w: choose another address with --listen", err)
	}
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	fmt.Println("ready http://" + l.Addr().String())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (c simulatorCmd) simulator() (*dosim.Sim, error) {
	if c.Token == "" || c.Speed <= 0 {
		return nil, errors.New("--token must not be empty, and --speed must be above 0")
	}
	cfg := dosim.Config{Token: c.Token, Speed: c.Speed, Admin: c.Admin}
	if !c.Limits {
		cfg.Limits = dosim.Limits{PerHour: -1, PerMinute: -1}
	}
	var err error
	if cfg.Tokens, err = scopedTokens(c.ScopedToken); err != nil {
		return nil, err
	}
	faults, err := parseFaults(c.Fault)
	if err != nil {
		return nil, err
	}
	sim := dosim.New(cfg)
	if c.Data != "" {
		sim, err = dosim.Open(cfg, c.Data, func(err error) { fmt.Fprintln(os.Stderr, "portal: the state cannot be kept:", err) })
		if err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
	}
	for _, f := range faults {
		sim.Inject(f)
	}
	return sim, nil
}

func scopedTokens(specs []string) (map[string][]string, error) {
	tokens := map[string][]string{}
	for _, spec := range specs {
		token, scopes, ok := strings.Cut(spec, "=")
		if !ok || token == "" {
			return nil, errors.New("--scoped-token must be TOKEN=SCOPE,…")
		}
		tokens[token] = strings.Split(scopes, ",")
	}
	return tokens, nil
}

func parseFaults(specs []string) ([]dosim.Fault, error) {
	var faults []dosim.Fault
	for _, spec := range specs {
		f, err := dosim.ParseFault(spec)
		if err != nil {
			return nil, fmt.Errorf("--fault: %w", err)
		}
		faults = append(faults, f)
	}
	return faults, nil
}
