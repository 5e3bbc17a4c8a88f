package rulebook

import (
	"context"
	"slices"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Trial is a request that nobody has made, to see what a policy says of it.
type Trial struct {
	Operation   portal.OperationID
	Environment portal.Environment
	Team        string // slug; not looked at for operations on the whole account
	// Members are what conditions can refer to besides, as typed, by their names
	// like "change.nodes". What is missing or empty is 0, false or empty.
	Members map[string]string
}

// Tried is what a policy says of a trial.
type Tried struct {
	Faults  []policy.Fault // of the policy's text, of which then nothing else is known
	Asked   []policy.Member
	Verdict portal.Verdict
	Terms   []policy.TermText
	Line    int // at which the rule of the verdict begins; 0 where no rule gave it
}

// TryOut says what the policy of a text would answer to a request. Nothing is
// kept. Only admins may; of a trial that cannot be judged the error is of
// KindInvalid with the faults of the fields operation, environment and team and
// of the members, by their names. Also then Asked are the members that the
// conditions of the text refer to. KindLimited is as for Check.
func (s *Service) TryOut(ctx context.Context, a portal.Actor, text string, trial Trial) (Tried, error) {
	if err := a.RequireAdmin(); err != nil {
		return Tried{}, err
	}
	var tried Tried
	err := s.comparing(ctx, a, func() (err error) { tried, err = s.tryOut(ctx, text, trial); return err })
	return tried, err
}

// tryOut is TryOut of somebody whose turn it is.
func (s *Service) tryOut(ctx context.Context, text string, trial Trial) (Tried, error) {
	draft, faults := policy.Parse([]byte(text))
	if len(faults) > 0 {
		return Tried{Faults: faults}, nil
	}
	draft.PlatformApprovers = s.PlatformApprovers
	tried := Tried{Asked: asked(draft)}
	in, err := s.trialInput(ctx, trial)
	if err != nil {
		return tried, err
	}
	tried.Verdict = draft.Judge(in)
	tried.Terms, tried.Line = policy.TermsOf(tried.Verdict), draft.Line(tried.Verdict.Rule)
	return tried, ctx.Err()
}

// asked are the members that the conditions of a policy refer to and that a
// trial does not settle otherwise.
func asked(p *policy.Policy) []policy.Member {
	refers := p.Refers()
	return slices.DeleteFunc(policy.FreeMembers(), func(m policy.Member) bool { return !slices.Contains(refers, m.Name) })
}

// trialInput is what a policy would judge a trial by, if it were made by a member
// of the team.
func (s *Service) trialInput(ctx context.Context, trial Trial) (policy.Input, error) {
	var faults []portal.FieldError
	op := trial.Operation.Operation()
	if !op.Asked() || op.ID == "" {
		faults = append(faults, portal.FieldError{Field: "operation", Message: "Choose an operation that people request."})
	}
	if !slices.Contains(portal.Environments, trial.Environment) {
		faults = append(faults, portal.FieldError{Field: "environment", Message: "Choose an environment."})
	}
	in := policy.Input{
		Cluster: policy.Cluster{Environment: trial.Environment},
		Change:  policy.Change{Operation: op.ID, Risk: op.Risk},
	}
	if op.Risk == portal.RiskAccount {
		in.Cluster.Environment = portal.Production
	} else {
		team, err := store.TeamBySlug(ctx, s.Pool, trial.Team)
		switch {
		case portal.Is(err, portal.KindNotFound):
			faults = append(faults, portal.FieldError{Field: "team", Message: "Choose a team."})
		case err != nil:
			return in, err
		}
		in.Team = policy.Team{Slug: team.Slug, Name: team.Name, ApproverGroup: team.ApproverGroup}
		in.Actor.Groups = []string{team.MemberGroup}
	}
	for _, m := range policy.FreeMembers() {
		if err := m.Set(&in, trial.Members[m.Name]); err != nil {
			faults = append(faults, portal.FieldError{Field: m.Name, Message: m.Name + ": " + err.Error() + "."})
		}
	}
	if len(faults) > 0 {
		return in, portal.Invalid(faults...)
	}
	return in, nil
}

// TrialMembers are the names of what a trial can say besides operation,
// environment and team.
func TrialMembers() []string {
	var names []string
	for _, m := range policy.FreeMembers() {
		names = append(names, m.Name)
	}
	return names
}

// Words returns all that can be written in a policy, with the teams there are.
func (s *Service) Words(ctx context.Context) (policy.Vocabulary, error) {
	words, err := policy.Words()
	if err != nil {
		return words, err
	}
	teams, err := store.Teams(ctx, s.Pool)
	if err != nil {
		return words, err
	}
	for _, t := range teams {
		for _, place := range []string{"rules.teams", "team.slug"} {
			words.Values[place] = append(words.Values[place], policy.Word{Text: t.Slug, About: t.Name})
		}
	}
	return words, nil
}
