package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// issuer is a provider that does what a test tells it to, also what no honest
// one does. It asks nobody anything: whoever comes is "eve".
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu       sync.Mutex
	metadata map[string]any             // added to its description
	answer   func(url.Values)           // changes the answer to the browser
	claims   func(map[string]any)       // changes the ID token
	sign     func(claims []byte) string // replaces the signature
	userinfo map[string]any             // nil: there is none
	refresh  bool                       // whether it gives refresh tokens
	formOnly bool                       // takes the client's secret in the form only
	broken   map[string]int             // path → status to answer with
	hang     chan struct{}              // not nil: all but the description wait for it

	codes   map[string]url.Values // code → the request that it was given for
	asked   url.Values            // the last request of a browser
	current string                // the refresh token that is good now
	refused int                   // uses of other refresh tokens
	renewed int
}

// issuerKey is the key of all issuers: making one takes longer than most tests.
var issuerKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := issuerKey()
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, codes: map[string]url.Values{}, broken: map[string]int{}, metadata: map[string]any{},
		answer: func(url.Values) {}, claims: func(map[string]any) {}}
	i.sign = func(claims []byte) string { return sign(t, jose.RS256, i.key, claims) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.describe)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /userinfo", i.info)
	i.Server = httptest.NewServer(i.faults(mux))
	t.Cleanup(i.Close)
	return i
}

// set changes what the issuer does.
func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) faults(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		status, hang := i.broken[r.URL.Path], i.hang
		i.mu.Unlock()
		if hang != nil {
			select {
			case <-hang:
			case <-r.Context().Done():
				return
			}
		}
		if status != 0 {
			http.Error(w, "canary-answer", status)
			return
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (i *issuer) describe(w http.ResponseWriter, _ *http.Request) {
	says := map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
	}
	if i.userinfo != nil {
		says["userinfo_endpoint"] = i.URL + "/userinfo"
	}
	maps.Copy(says, i.metadata)
	writeJSON(w, http.StatusOK, says)
}

func (i *issuer) keys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &i.key.PublicKey, KeyID: "1", Use: "sig"}}})
}

func (i *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.asked = r.URL.Query()
	code := rand.Text()
	i.codes[code] = i.asked
	back := url.Values{"code": {code}, "state": {i.asked.Get("state")}}
	i.answer(back)
	http.Redirect(w, r, i.asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// knows reports whether the client has proved who it is.
func (i *issuer) knows(r *http.Request) bool {
	id, secret, ok := r.BasicAuth()
	if i.formOnly {
		id, secret, ok = r.FormValue("client_id"), r.FormValue("client_secret"), !ok
	}
	return ok && id == clientID && secret == clientSecret
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	if !i.knows(r) {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	asked, ok := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	if r.FormValue("grant_type") == "refresh_token" {
		ok = i.refresh && r.FormValue("refresh_token") == i.current
		if !ok {
			i.refused++
		}
		i.renewed++
	} else if ok {
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		ok = base64.RawURLEncoding.EncodeToString(sum[:]) == asked.Get("code_challenge")
	}
	if !ok {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	says := map[string]any{"access_token": "canary-access-token", "token_type": "Bearer", "id_token": i.idToken(asked.Get("nonce"))}
	if i.refresh {
		i.current = "canary-refresh-" + rand.Text()
		says["refresh_token"] = i.current
	}
	writeJSON(w, http.StatusOK, says)
}

func (i *issuer) idToken(nonce string) string {
	claims := map[string]any{"iss": i.URL, "sub": "eve", "aud": clientID, "name": "Eve", "nonce": nonce,
		"iat": time.Now().Unix(), "exp": time.Now().Add(24 * time.Hour).Unix(), "groups": []string{"payments-members"}}
	i.claims(claims)
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return i.sign(body)
}

func (i *issuer) info(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer canary-access-token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	writeJSON(w, http.StatusOK, i.userinfo)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, claims []byte) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return text
}

// unsigned makes a token with alg "none".
func unsigned(claims []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"none"}`)) + "." + b64(claims) + "."
}

func otherRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
