package story

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/auth/devidp"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

// People are those of the company whom the local issuer knows besides the
// accounts of the demo.
var People = []devidp.Account{
	{Username: "amara.diallo", Name: "Amara Diallo", Groups: []string{"payments"}, About: "Ledger, team payments"},
	{Username: "jonas.weber", Name: "Jonas Weber", Groups: []string{"payments"}, About: "Card processing, team payments"},
	{Username: "rin.takahashi", Name: "Rin Takahashi", Groups: []string{"payments", "payments-approvers"}, About: "Leads and approves for team payments"},

	{Username: "lucia.moreno", Name: "Lucía Moreno", Groups: []string{"search"}, About: "Ranking, team search"},
	{Username: "david.cohen", Name: "David Cohen", Groups: []string{"search"}, About: "Indexing, team search"},
	{Username: "freya.nilsson", Name: "Freya Nilsson", Groups: []string{"search", "search-approvers"}, About: "Leads and approves for team search"},

	{Username: "maya.patel", Name: "Maya Patel", Groups: []string{"storefront"}, About: "Checkout, team storefront"},
	{Username: "oliver.hughes", Name: "Oliver Hughes", Groups: []string{"storefront"}, About: "Content, team storefront"},
	{Username: "chen.wei", Name: "Chen Wei", Groups: []string{"storefront"}, About: "Asia, team storefront"},
	{Username: "sofia.rossi", Name: "Sofia Rossi", Groups: []string{"storefront", "storefront-approvers"}, About: "Leads and approves for team storefront"},
	{Username: "kwame.mensah", Name: "Kwame Mensah", Groups: []string{"storefront", "storefront-approvers"}, About: "Approves for team storefront"},

	{Username: "anna.kowalska", Name: "Anna Kowalska", Groups: []string{"data"}, About: "Streams, team data"},
	{Username: "hassan.rahimi", Name: "Hassan Rahimi", Groups: []string{"data"}, About: "Warehouse, team data"},
	{Username: "grace.kim", Name: "Grace Kim", Groups: []string{"data"}, About: "Notebooks, team data"},
	{Username: "elena.petrova", Name: "Elena Petrova", Groups: []string{"data", "data-approvers"}, About: "Leads and approves for team data"},

	{Username: "tom.murphy", Name: "Tom Murphy", Groups: []string{"logistics"}, About: "Routing, team logistics"},
	{Username: "leila.haddad", Name: "Leila Haddad", Groups: []string{"logistics"}, About: "Tracking, team logistics"},
	{Username: "marco.silva", Name: "Marco Silva", Groups: []string{"logistics", "logistics-approvers"}, About: "Leads and approves for team logistics"},

	{Username: "priya.nair", Name: "Priya Nair", Groups: []string{"mobile"}, About: "Gateway, team mobile"},
	{Username: "lukas.novak", Name: "Lukáš Novák", Groups: []string{"mobile"}, About: "Push notifications, team mobile"},
	{Username: "zoe.martin", Name: "Zoé Martin", Groups: []string{"mobile", "mobile-approvers"}, About: "Leads and approves for team mobile"},

	{Username: "ines.castellano", Name: "Inés Castellano", Groups: []string{"platform-approvers"}, About: "Approves for every team"},
	{Username: "tomasz.wrona", Name: "Tomasz Wrona", Groups: []string{"platform-approvers"}, About: "Approves for every team"},
}

// team is a team that the admins make besides those of the demo.
type team struct {
	slug  string
	nodes string
	sizes string
}

// newTeams get what they have when the portal is introduced.
var newTeams = []team{
	{"storefront", "60", "s-2vcpu-4gb 30\ns-4vcpu-8gb 30\nc-4 4"},
	{"data", "48", "s-4vcpu-8gb 16\nm-2vcpu-16gb 14\nm-4vcpu-32gb 8\nc-8 10"},
	{"logistics", "32", "s-2vcpu-4gb 16\ns-4vcpu-8gb 16\nm-2vcpu-16gb 2"},
	{"mobile", "34", "s-2vcpu-4gb 24\ns-4vcpu-8gb 10"},
}

// quotaChange is an edit of a team's quota. More of it waits for another admin.
type quotaChange struct {
	ago      moment
	team     string
	nodes    string
	sizes    string
	proposer string
	accepter string // empty: nobody, or nobody yet
}

var quotaChanges = []quotaChange{
	{days(89), "payments", "36", "s-2vcpu-4gb 26\ns-4vcpu-8gb 14\nm-2vcpu-16gb 4", "admin", "second-admin"},
	{days(89), "search", "30", "s-2vcpu-4gb 4\ns-4vcpu-8gb 18\nm-2vcpu-16gb 10", "admin", "second-admin"},
	{days(61), "storefront", "64", "s-2vcpu-4gb 32\ns-4vcpu-8gb 34\nc-4 4", "second-admin", "admin"},
	{days(33), "data", "52", "s-4vcpu-8gb 16\nm-2vcpu-16gb 14\nm-4vcpu-32gb 10\nc-8 12", "admin", "second-admin"},
	{days(14), "logistics", "38", "s-2vcpu-4gb 18\ns-4vcpu-8gb 20\nm-2vcpu-16gb 2", "admin", "second-admin"},
	{days(30), "mobile", "28", "s-2vcpu-4gb 22\ns-4vcpu-8gb 6", "admin", ""}, // less takes one admin
	{days(10), "search", "25", "s-2vcpu-4gb 2\ns-4vcpu-8gb 17\nm-2vcpu-16gb 9", "second-admin", ""},
	{hours(20), "mobile", "36", "s-2vcpu-4gb 28\ns-4vcpu-8gb 8", "second-admin", ""},
}

// introduce has the portal know everybody, and the admins make the teams.
func (t *teller) introduce() error {
	if err := t.signIn(); err != nil {
		return err
	}
	for _, n := range newTeams {
		_, err := t.teams.Create(t.ctx, t.actor("admin"), teams.Input{Slug: n.slug, Name: n.slug, MemberGroup: n.slug, ApproverGroup: n.slug + "-approvers",
			Quota: quotaForm(n.nodes, n.sizes)})
		if err != nil {
			return err
		}
	}
	for _, c := range quotaChanges {
		t.at(c.ago, func() error { return t.changeQuota(c) })
	}
	// What is known of somebody who does not come back is soon too old to count on.
	for ago := days(88); ago > 0; ago -= days(7) {
		t.at(ago, t.signIn)
	}
	for ago := days(89); ago > 0; ago -= days(2) {
		t.at(ago, func() error {
			return db.WithTx(t.ctx, t.Pool, func(tx pgx.Tx) error { return store.RecordUsage(t.ctx, tx, t.clock.Now()) })
		})
	}
	return nil
}

// signIn writes down what the identity provider says of everybody, as it is when
// they have just signed in.
func (t *teller) signIn() error {
	return db.WithTx(t.ctx, t.Pool, func(tx pgx.Tx) error {
		for _, p := range t.everybody {
			err := t.Describe(t.ctx, tx, store.Person{Identity: t.identity(p.Username), Name: p.Name, Email: p.Email(),
				Groups: p.Groups, GroupsAt: t.clock.Now()})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// quotaForm limits nodes and allows the sizes that have a line, and no others.
func quotaForm(nodes, sizes string) map[string]string {
	form := teams.Unlimited()
	form["nodes"], form["sizes"] = nodes, sizes
	for line := range strings.Lines(sizes) {
		form["allowed_sizes"] += strings.Fields(line)[0] + "\n"
	}
	return form
}

func (t *teller) changeQuota(c quotaChange) error {
	team, err := store.TeamBySlug(t.ctx, t.Pool, c.team)
	if err != nil {
		return err
	}
	form := teams.FormOf(team)
	form.Quota = quotaForm(c.nodes, c.sizes)
	if _, err := t.teams.Update(t.ctx, t.actor(c.proposer), c.team, form); err != nil {
		return err
	}
	if c.accepter != "" {
		t.after(minutes(35), func() error { return t.acceptChanges(c.accepter) })
	}
	return nil
}

// acceptChanges has an admin accept what others have proposed.
func (t *teller) acceptChanges(username string) error {
	admin := t.actor(username)
	proposed, err := t.teams.Proposed(t.ctx, admin)
	if err != nil {
		return err
	}
	for _, p := range proposed {
		if p.Author.Identity == admin.Identity {
			continue
		}
		if err := t.teams.Accept(t.ctx, admin, p.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *teller) identity(username string) portal.Identity {
	return portal.Identity{Issuer: t.Issuer, Subject: username}
}

// actor is somebody who has just signed in.
func (t *teller) actor(username string) portal.Actor {
	for _, p := range t.everybody {
		if p.Username == username {
			return portal.Actor{Identity: t.identity(username), Name: p.Name, Email: p.Email(), Groups: p.Groups,
				Roles: t.Roles.Of(p.Groups), SignedInAt: t.clock.Now()}
		}
	}
	return portal.Actor{}
}

// inGroup are the names of those in a group, in the order of the tables.
func (t *teller) inGroup(group string) []string {
	var list []string
	for _, p := range t.everybody {
		if slices.Contains(p.Groups, group) {
			list = append(list, p.Username)
		}
	}
	return list
}

// people is how the services of the story have somebody confirmed: the identity
// provider of then would have said what the tables say.
type people struct{ t *teller }

func (p people) Confirm(ctx context.Context, id portal.Identity) (portal.Actor, time.Time, error) {
	a := p.t.actor(id.Subject)
	if a.Identity != id {
		return a, time.Time{}, portal.E(portal.KindNotFound, "there is no such person")
	}
	return a, p.t.clock.Now(), ctx.Err()
}
