package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"doksportal/internal/db"

	"golang.org/x/oauth2"
)

// Report is what the identity provider said at somebody's last sign-in, for
// whoever sets the two up.
type Report struct {
	Claims []Claim  `json:"claims"` // by name
	Lacks  []string `json:"lacks"`  // sentences: what is missing, and what does not work without it
}

// Claim is something that the provider says of a person.
type Claim struct {
	Name  string `json:"name"`
	Value string `json:"value"` // as JSON, cut when it is long
}

// Bounds of a report, which is kept with the session.
const (
	maxClaims     = 60
	maxClaimValue = 500 // bytes
	maxClaimName  = 200 // bytes
)

// ofThisSignIn are claims that bind a token to one sign-in and say nothing of
// the person.
var ofThisSignIn = []string{"nonce", "at_hash", "c_hash", "s_hash", "jti", "sid"}

func (a *Auth) report(c claims, who profile, token *oauth2.Token) Report {
	var r Report
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if slices.Contains(ofThisSignIn, name) || len(name) > maxClaimName || len(r.Claims) == maxClaims {
			continue
		}
		value, err := json.Marshal(c[name])
		if err != nil {
			continue
		}
		shown := db.Text(string(value))
		if len(shown) > maxClaimValue {
			shown = strings.ToValidUTF8(shown[:maxClaimValue], "") + fmt.Sprintf(" … (%d bytes)", len(value))
		}
		r.Claims = append(r.Claims, Claim{Name: db.Text(name), Value: shown})
	}
	if who.Problem != "" {
		r.Lacks = append(r.Lacks, who.Problem)
	}
	if who.SignedInAt.IsZero() {
		r.Lacks = append(r.Lacks, "There is no auth_time: the portal cannot tell when you signed in, so nothing that needs a fresh sign-in works, such as approving, deleting and getting access.")
	}
	if who.Email == "" {
		r.Lacks = append(r.Lacks, "There is no email: you get no mail.")
	}
	if c.text("name") == "" {
		r.Lacks = append(r.Lacks, fmt.Sprintf("There is no name: pages call you “%s”.", who.Name))
	}
	if token.RefreshToken == "" {
		r.Lacks = append(r.Lacks, "There was no refresh token: once the access token has expired your groups cannot be renewed, your session ends, and what you requested or approved waits until you sign in again.")
	}
	return r
}

// ReportOf returns what the provider said when the owner of the session in ctx
// signed in. The reader may see no other person's.
func (a *Auth) ReportOf(ctx context.Context) Report {
	var r Report
	// A session of an earlier version of the portal has none.
	_ = json.Unmarshal([]byte(a.sessions.GetString(ctx, keyReport)), &r)
	return r
}
