package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
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

// discover returns the provider, asking it about itself the first time.
func (a *Auth) discover(ctx context.Context) (*provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider != nil {
		return a.provider, nil
	}
	// The provider keeps this context for fetching keys later on.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), a.http), a.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover the identity provider: %w", err)
	}
	var says struct {
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
		Scopes      []string `json:"scopes_supported"`
		SendsIssuer bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&says); err != nil {
		return nil, fmt.Errorf("discover the identity provider: %w", err)
	}
	algorithms := slices.DeleteFunc(slices.Clone(asymmetric), func(alg string) bool { return !slices.Contains(says.Algorithms, alg) })
	if len(algorithms) == 0 {
		algorithms = []string{oidc.RS256} // which every provider has to support
	}
	scopes := slices.Clone(a.Scopes)
	if slices.Contains(says.Scopes, oidc.ScopeOfflineAccess) && !slices.Contains(scopes, oidc.ScopeOfflineAccess) {
		// With a refresh token the groups can be renewed without the browser.
		scopes = append(scopes, oidc.ScopeOfflineAccess)
	}
	a.provider = &provider{
		Provider:    p,
		verifier:    p.Verifier(&oidc.Config{ClientID: a.ClientID, SupportedSigningAlgs: algorithms, Now: a.Now}),
		sendsIssuer: says.SendsIssuer,
		hasUserInfo: p.UserInfoEndpoint() != "",
		oauth: oauth2.Config{
			ClientID: a.ClientID, ClientSecret: a.ClientSecret, Endpoint: p.Endpoint(),
			RedirectURL: strings.TrimSuffix(a.BaseURL.String(), "/") + "/auth/callback", Scopes: scopes,
		},
	}
	return a.provider, nil
}

// profile is what the provider says of a person.
type profile struct {
	Issuer, Subject, Name, Email string
	Groups                       []string
	Problem                      string // why there are no groups, in plain words
}

// claims are the parts of an ID token or of userinfo that matter.
type claims map[string]any

func (c claims) text(name string) string { s, _ := c[name].(string); return s }

// profile reads a person's claims.
func (a *Auth) profile(c claims) profile {
	p := profile{Issuer: c.text("iss"), Subject: c.text("sub"), Name: c.text("name"), Email: c.text("email")}
	if p.Name == "" {
		p.Name = c.text("preferred_username")
	}
	if p.Name == "" {
		p.Name = p.Subject
	}
	p.Groups, p.Problem = a.groups(c)
	return p
}

// groups reads the groups claim. Anything but a list of names gives none: a
// provider with too many groups to send may send a pointer to them instead.
func (a *Auth) groups(c claims) (groups []string, problem string) {
	switch v := c[a.GroupsClaim].(type) {
	case string:
		return []string{v}, ""
	case []any:
		for _, g := range v {
			if name, ok := g.(string); ok {
				groups = append(groups, name)
			}
		}
		return groups, ""
	}
	names, _ := c["_claim_names"].(map[string]any)
	if _, overage := names[a.GroupsClaim]; overage || c["hasgroups"] != nil {
		return nil, "The identity provider sent a pointer instead of your groups, because you are in too many. Its administrator can restrict the groups that it sends to this application."
	}
	return nil, fmt.Sprintf("The identity provider sent no claim named %q with your groups.", a.GroupsClaim)
}

// complete fetches what an ID token leaves out from the provider's userinfo.
func (a *Auth) complete(ctx context.Context, p *provider, c claims, token *oauth2.Token) error {
	if _, ok := c[a.GroupsClaim]; ok || !p.hasUserInfo {
		return nil
	}
	more, err := a.userInfo(ctx, p, token, c.text("sub"))
	if err != nil {
		return err
	}
	for name, value := range more {
		if _, ok := c[name]; !ok {
			c[name] = value
		}
	}
	return nil
}

// errEnded says that the provider no longer vouches for a session.
var errEnded = errors.New("the session has ended")

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
