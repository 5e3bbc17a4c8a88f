// Package devidp is a real OpenID Connect issuer for the demo and for tests.
// Its sign-in page offers accounts to choose from and asks for no password, so
// it must never be reachable by anybody but the person at this machine.
package devidp

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// Account is somebody who can sign in.
type Account struct {
	Username string // also the subject
	Name     string
	Groups   []string
	About    string // what the account may do, for the sign-in page
}

// Email is the account's address, of a domain that cannot exist.
func (a Account) Email() string { return a.Username + "@demo.invalid" }

// Config says for whom the issuer works.
type Config struct {
	Issuer       string // its own URL, without a slash at the end
	ClientID     string
	ClientSecret string
	RedirectURI  string
	Accounts     []Account
	More         []Account // whom the sign-in page folds away
	Key          []byte    // PEM of NewKey; nil: one that lives as long as the process
}

// Issuer is the issuer. It is safe for concurrent use.
type Issuer struct {
	cfg     Config
	key     *rsa.PrivateKey
	handler http.Handler

	mu       sync.Mutex
	accounts []Account
	authTime func() time.Time        // when whoever signs in has done so
	requests map[string]*authRequest // by id
	codes    map[string]string       // code → id
}

// NewKey makes a key to sign with, as PEM, which Config takes.
func NewKey() ([]byte, error) {
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
}

// processKey is the key of all issuers that are given none: making one takes longer
// than most tests.
var processKey = sync.OnceValues(NewKey)

// New makes an issuer.
func New(cfg Config) (*Issuer, error) {
	if cfg.Key == nil {
		var err error
		if cfg.Key, err = processKey(); err != nil {
			return nil, err
		}
	}
	block, _ := pem.Decode(cfg.Key)
	if block == nil {
		return nil, fmt.Errorf("the issuer's key is not PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the issuer's key: %w", err)
	}
	i := &Issuer{cfg: cfg, key: key, accounts: slices.Concat(cfg.Accounts, cfg.More), authTime: time.Now, requests: map[string]*authRequest{}, codes: map[string]string{}}
	return i, i.build()
}

func (i *Issuer) build() error {
	// Tokens outlive a restart, because what seals them follows from the key.
	provider, err := op.NewProvider(&op.Config{
		CryptoKey: sha256.Sum256(i.cfg.Key), CryptoKeyId: keyID, CodeMethodS256: true, AuthMethodPost: true,
	}, i, op.StaticIssuer(i.cfg.Issuer), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return fmt.Errorf("local issuer: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sign-in", i.showSignIn)
	mux.Handle("POST /sign-in", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(i.signIn(op.AuthCallbackURL(provider))))
	mux.Handle("/", provider)
	i.handler = mux
	return nil
}

// ServeHTTP answers browsers and the portal.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.handler.ServeHTTP(w, r) }

// SetGroups changes the groups of an account. Who is signed in keeps the old
// ones until the portal asks again.
func (i *Issuer) SetGroups(username string, groups ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n := range i.accounts {
		if i.accounts[n].Username == username {
			i.accounts[n].Groups = groups
		}
	}
}

// SetAuthTime changes when the issuer says that people signed in, which is the
// moment they do so by default; it says nothing where that is the zero time.
func (i *Issuer) SetAuthTime(at func() time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.authTime = at
}

// account returns an account by its name.
func (i *Issuer) account(username string) (Account, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := slices.IndexFunc(i.accounts, func(a Account) bool { return a.Username == username })
	if n < 0 {
		return Account{}, false
	}
	return i.accounts[n], true
}

//go:embed signin.html
var signInHTML string

var signInPage = template.Must(template.New("sign-in").Parse(signInHTML))

func (i *Issuer) showSignIn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Cache-Control", "no-store")
	id := r.URL.Query().Get("id")
	err := signInPage.Execute(w, map[string]any{"ID": id, "Expected": i.expected(id), "Accounts": i.cfg.Accounts, "More": i.cfg.More})
	if err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
	}
}

func (i *Issuer) signIn(callback func(context.Context, string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PostFormValue("id")
		if _, ok := i.account(r.PostFormValue("account")); !ok || !i.finish(id, r.PostFormValue("account")) {
			http.Error(w, "This sign-in has expired. Go back to the portal and start again.", http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, callback(r.Context(), id), http.StatusFound)
	}
}
