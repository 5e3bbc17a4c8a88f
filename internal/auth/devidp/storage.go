package devidp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Issuer keeps what the protocol needs in memory, as op.Storage.
var _ op.Storage = (*Issuer)(nil)

const (
	keyID       = "demo"
	tokensFor   = 12 * time.Hour // as long as a session of the portal
	maxRequests = 1000           // sign-ins under way
)

// authRequest is a sign-in under way.
type authRequest struct {
	id       string
	asked    *oidc.AuthRequest
	subject  string
	authTime time.Time
}

func (r *authRequest) GetID() string                      { return r.id }
func (r *authRequest) GetACR() string                     { return "" }
func (r *authRequest) GetAMR() []string                   { return nil }
func (r *authRequest) GetAudience() []string              { return []string{r.asked.ClientID} }
func (r *authRequest) GetAuthTime() time.Time             { return r.authTime }
func (r *authRequest) GetClientID() string                { return r.asked.ClientID }
func (r *authRequest) GetNonce() string                   { return r.asked.Nonce }
func (r *authRequest) GetRedirectURI() string             { return r.asked.RedirectURI }
func (r *authRequest) GetResponseType() oidc.ResponseType { return r.asked.ResponseType }
func (r *authRequest) GetResponseMode() oidc.ResponseMode { return r.asked.ResponseMode }
func (r *authRequest) GetScopes() []string                { return r.asked.Scopes }
func (r *authRequest) GetState() string                   { return r.asked.State }
func (r *authRequest) GetSubject() string                 { return r.subject }
func (r *authRequest) Done() bool                         { return r.subject != "" }
func (r *authRequest) GetCodeChallenge() *oidc.CodeChallenge {
	if r.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.asked.CodeChallenge, Method: r.asked.CodeChallengeMethod}
}

var errNoRequest = errors.New("no such sign-in is under way")

// finish notes who somebody is, and reports whether they were signing in.
func (i *Issuer) finish(id, subject string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	r, ok := i.requests[id]
	if ok {
		r.subject, r.authTime = subject, i.authTime()
	}
	return ok
}

// expected is the account that the portal expects to sign in, empty when it
// does not say.
func (i *Issuer) expected(id string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	r, ok := i.requests[id]
	if !ok {
		return ""
	}
	n := slices.IndexFunc(i.accounts, func(a Account) bool { return a.Email() == r.asked.LoginHint })
	if n < 0 {
		return ""
	}
	return i.accounts[n].Username
}

// CreateAuthRequest begins a sign-in.
func (i *Issuer) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.requests) >= maxRequests {
		clear(i.requests) // a flood; who is signing in starts again
		clear(i.codes)
	}
	r := &authRequest{id: rand.Text(), asked: asked}
	i.requests[r.id] = r
	return r, nil
}

// AuthRequestByID returns a sign-in under way.
func (i *Issuer) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r, ok := i.requests[id]
	if !ok {
		return nil, errNoRequest
	}
	return r, nil
}

// AuthRequestByCode returns the sign-in that a code was given for.
func (i *Issuer) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	i.mu.Lock()
	id := i.codes[code]
	i.mu.Unlock()
	return i.AuthRequestByID(ctx, id)
}

// SaveAuthCode remembers which sign-in a code was given for.
func (i *Issuer) SaveAuthCode(_ context.Context, id, code string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.codes[code] = id
	return nil
}

// DeleteAuthRequest ends a sign-in, so that its code is good once.
func (i *Issuer) DeleteAuthRequest(_ context.Context, id string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.requests, id)
	for code, of := range i.codes {
		if of == id {
			delete(i.codes, code)
		}
	}
	return nil
}

// CreateAccessToken names a token. Tokens carry their subject themselves.
func (i *Issuer) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(tokensFor), nil
}

var errNoRefresh = oidc.ErrInvalidGrant().WithDescription("refresh tokens are not issued")

// CreateAccessAndRefreshTokens refuses: access tokens live long enough.
func (i *Issuer) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNoRefresh
}

// TokenRequestByRefreshToken refuses.
func (i *Issuer) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errNoRefresh
}

// TerminateSession has nothing to do: the issuer keeps no sessions.
func (i *Issuer) TerminateSession(context.Context, string, string) error { return nil }

// RevokeToken has nothing to do.
func (i *Issuer) RevokeToken(context.Context, string, string, string) *oidc.Error { return nil }

// GetRefreshTokenInfo knows no refresh tokens.
func (i *Issuer) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}

// SigningKey returns the key that tokens are signed with.
func (i *Issuer) SigningKey(context.Context) (op.SigningKey, error) { return signingKey{i}, nil }

// SignatureAlgorithms lists what tokens are signed by.
func (i *Issuer) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

// KeySet returns the public keys.
func (i *Issuer) KeySet(context.Context) ([]op.Key, error) { return []op.Key{publicKey{i}}, nil }

type signingKey struct{ issuer *Issuer }

func (k signingKey) ID() string                                  { return keyID }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                    { return k.issuer.key }

type publicKey struct{ issuer *Issuer }

func (k publicKey) ID() string                         { return keyID }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.issuer.key.PublicKey }

// GetClientByClientID returns the portal, the only client.
func (i *Issuer) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != i.cfg.ClientID {
		return nil, oidc.ErrInvalidClient()
	}
	return client{&i.cfg}, nil
}

// AuthorizeClientIDSecret checks the portal's secret.
func (i *Issuer) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != i.cfg.ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(i.cfg.ClientSecret)) != 1 {
		return oidc.ErrInvalidClient()
	}
	return nil
}

// SetUserinfoFromScopes fills in who somebody is for an ID token.
func (i *Issuer) SetUserinfoFromScopes(_ context.Context, info *oidc.UserInfo, subject, _ string, _ []string) error {
	return i.describe(info, subject)
}

// SetUserinfoFromToken fills in who somebody is for userinfo.
func (i *Issuer) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, _, subject, _ string) error {
	return i.describe(info, subject)
}

func (i *Issuer) describe(info *oidc.UserInfo, subject string) error {
	a, ok := i.account(subject)
	if !ok {
		return errors.New("no such account")
	}
	groups := a.Groups
	if groups == nil {
		groups = []string{}
	}
	info.Subject, info.Name, info.PreferredUsername, info.Email = a.Username, a.Name, a.Username, a.Email()
	info.AppendClaims("groups", groups)
	return nil
}

// SetIntrospectionFromToken is not offered.
func (i *Issuer) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errors.New("introspection is not offered")
}

// GetPrivateClaimsFromScopes adds nothing to access tokens.
func (i *Issuer) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

// GetKeyByIDAndClientID knows no keys of clients.
func (i *Issuer) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errors.New("clients have no keys")
}

// ValidateJWTProfileScopes is not offered.
func (i *Issuer) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errors.New("JWT profiles are not offered")
}

// Health reports that memory works.
func (i *Issuer) Health(context.Context) error { return nil }

// client is the portal as a client.
type client struct{ cfg *Config }

func (c client) GetID() string                       { return c.cfg.ClientID }
func (c client) RedirectURIs() []string              { return []string{c.cfg.RedirectURI} }
func (c client) PostLogoutRedirectURIs() []string    { return nil }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) GrantTypes() []oidc.GrantType         { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c client) LoginURL(id string) string            { return "/sign-in?id=" + id }
func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (c client) IDTokenLifetime() time.Duration       { return time.Hour }
func (c client) DevMode() bool                        { return true }
func (c client) IsScopeAllowed(string) bool           { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c client) ClockSkew() time.Duration             { return 0 }
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
