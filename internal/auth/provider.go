package auth

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"doksportal/internal/db"
	"doksportal/internal/names"
	"doksportal/internal/portal"
)

// provider is what the identity provider says of itself.
type provider struct {
	*oidc.Provider
	verifier    *oidc.IDTokenVerifier
	oauth       oauth2.Config
	sendsIssuer bool // it names itself in its answers (RFC 9207)
	hasUserInfo bool
}

// asymmetric are the algorithms by which an ID token may be signed. HS256 would
// make everybody an issuer who knows the client secret, "none" everybody.
var asymmetric = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// metadata are the parts of a provider's description that go-oidc leaves out.
type metadata struct {
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	Scopes      []string `json:"scopes_supported"`
	ClientAuth  []string `json:"token_endpoint_auth_methods_supported"`
	SendsIssuer bool     `json:"authorization_response_iss_parameter_supported"`
}

// discover returns the provider, asking it about itself until it has answered
// once.
func (a *Auth) discover(ctx context.Context) (*provider, error) {
	if p := a.provider.Load(); p != nil {
		return p, nil
	}
	// The provider keeps this context for fetching keys later on.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), a.http), a.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover the identity provider: %w", err)
	}
	var says metadata
	if err := p.Claims(&says); err != nil {
		return nil, fmt.Errorf("discover the identity provider: %w", err)
	}
	endpoint := p.Endpoint()
	endpoint.AuthStyle = says.authStyle()
	found := &provider{
		Provider:    p,
		verifier:    p.Verifier(&oidc.Config{ClientID: a.ClientID, SupportedSigningAlgs: says.algorithms(), Now: a.Now}),
		sendsIssuer: says.SendsIssuer,
		hasUserInfo: p.UserInfoEndpoint() != "",
		oauth: oauth2.Config{
			ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: endpoint,
			RedirectURL: strings.TrimSuffix(a.BaseURL.String(), "/") + "/auth/callback", Scopes: says.scopes(a.Scopes),
		},
	}
	a.provider.Store(found)
	return found, nil
}

// algorithms are those by which ID tokens may be signed.
func (m metadata) algorithms() []string {
	list := slices.DeleteFunc(slices.Clone(asymmetric), func(alg string) bool { return !slices.Contains(m.Algorithms, alg) })
	if len(list) == 0 {
		return []string{oidc.RS256} // which every provider has to support
	}
	return list
}

// authStyle is how the portal proves who it is. Where the provider offers
// several ways, the one that works is found by trying: it need not allow this
// client all of them.
func (m metadata) authStyle() oauth2.AuthStyle {
	basic := slices.Contains(m.ClientAuth, "client_secret_basic")
	post := slices.Contains(m.ClientAuth, "client_secret_post")
	switch {
	case len(m.ClientAuth) == 0, basic && !post:
		return oauth2.AuthStyleInHeader
	case post && !basic:
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleAutoDetect
}

// scopes adds to those wished for the one that gives a refresh token, by which
// groups can be renewed without the browser.
func (m metadata) scopes(wished []string) []string {
	if !slices.Contains(m.Scopes, oidc.ScopeOfflineAccess) || slices.Contains(wished, oidc.ScopeOfflineAccess) {
		return wished
	}
	return append(slices.Clone(wished), oidc.ScopeOfflineAccess)
}

// profile is what the provider says of a person.
type profile struct {
	Issuer, Subject, Name, Email string
	Groups                       []string
	Problem                      string    // why there are no groups, in plain words
	SignedInAt                   time.Time // zero when the provider does not say
	Report                       Report    // only of a sign-in
}

func (p profile) identity() portal.Identity {
	return portal.Identity{Issuer: p.Issuer, Subject: p.Subject}
}

// claims are the parts of an ID token or of userinfo that matter.
type claims map[string]any

func (c claims) text(name string) string { s, _ := c[name].(string); return db.Text(s) }

// time reads seconds since 1970, zero when there are none that can be.
func (c claims) time(name string) time.Time {
	const most = 1 << 40
	seconds, ok := c[name].(float64)
	if !ok || seconds < 1 || seconds > most {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// profile reads a person's claims.
func (a *Auth) profile(c claims) profile {
	const mostOfName, mostOfEmail = 100, 254 // characters
	p := profile{Issuer: c.text("iss"), Subject: c.text("sub"), Name: names.Visible(c.text("name"), mostOfName), Email: c.text("email")}
	if names.Visible(p.Email, mostOfEmail) != p.Email {
		p.Email = "" // cleaned it could be somebody else's
	}
	if p.Name == "" {
		p.Name = names.Visible(c.text("preferred_username"), mostOfName)
	}
	if p.Name == "" {
		p.Name = p.Subject
	}
	p.Groups, p.Problem = a.groups(c)
	return p
}

// complete fetches what an ID token leaves out from the provider's userinfo.
func (a *Auth) complete(ctx context.Context, p *provider, c claims, token *oauth2.Token) error {
	if _, ok := c.find(a.GroupsClaim); ok || !p.hasUserInfo {
		return nil
	}
	more, err := a.userInfo(ctx, p, token, c.text("sub"))
	if err != nil {
		return err
	}
	a.fill(c, more)
	return nil
}

// userInfo asks the provider about the owner of a token, who must be subject.
func (a *Auth) userInfo(ctx context.Context, p *provider, token *oauth2.Token, subject string) (claims, error) {
	info, err := p.UserInfo(oidc.ClientContext(ctx, a.http), oauth2.StaticTokenSource(token))
	if err != nil {
		// go-oidc gives the status only in its text.
		if strings.HasPrefix(err.Error(), fmt.Sprint(http.StatusUnauthorized)) || strings.HasPrefix(err.Error(), fmt.Sprint(http.StatusForbidden)) {
			return nil, fmt.Errorf("%w: %w", errEnded, err)
		}
		return nil, err
	}
	if info.Subject != subject {
		return nil, fmt.Errorf("%w: userinfo speaks of somebody else", errEnded)
	}
	c := claims{}
	return c, info.Claims(&c)
}
