package doapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi"
)

// The token is in nothing that is printed.
func TestTokenIsNotShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	logger.Info("client", "client", b.Client)
	_, err := client(t, "http://127.0.0.1:1", token).ListClusters(canceled())
	logger.Error("call", "error", err)
	log.WriteString(fmt.Sprintf("%v %+v %#v %s", b.Client, b.Client, b.Client, err))
	if strings.Contains(log.String(), token) {
		t.Error(log.String())
	}
	for _, wrong := range []string{"", " ", "with\nbreak-canary"} {
		if _, err := doapi.New("http://127.0.0.1", wrong); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// Nor is it when something on the way repeats it, in a panic, or by any verb.
func TestTokensAreNotRepeated(t *testing.T) {
	t.Parallel()
	const access = "dop_v1_other_canary"
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-request-id", r.Header.Get("Authorization"))
		saying(422, `{"id":"`+token+`","message":"bad header `+r.Header.Get("Authorization")+`"}`)(w, r)
	})
	c := client(t, s.url, token, doapi.AccessToken(access))
	_, err := c.GetCluster(t.Context(), "c1")
	_, err2 := c.GetKubeconfig(t.Context(), "c1", time.Minute)
	var shown strings.Builder
	for _, v := range []any{c, reflect.ValueOf(c).Elem().Interface(), struct{ C *doapi.Client }{c}, err, err2} {
		show(&shown, v)
	}
	shown.WriteString(doapi.UserMessage(err) + doapi.UserMessage(err2))
	if strings.Contains(shown.String(), "canary") || !strings.Contains(doapi.UserMessage(err), "bad header") {
		t.Error(shown.String())
	}
}

// Kubeconfigs and credentials show nothing of themselves.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "kubeconfig") {
			saying(200, "apiVersion: v1\ntoken: canary")(w, r)
			return
		}
		saying(200, `{"server":"https://s","token":"canary","client_key_data":"canary","certificate_authority_data":"canary","new_secret":"canary"}`)(w, r)
	})
	c := client(t, s.url, token)
	kubeconfig, err := c.GetKubeconfig(t.Context(), "c1", time.Minute)
	credentials, err2 := c.GetCredentials(t.Context(), "c1", time.Minute)
	if err != nil || err2 != nil || !strings.Contains(string([]byte(kubeconfig)), "canary") || credentials.Token != "canary" {
		t.Fatal(err, err2)
	}
	var shown strings.Builder
	for _, v := range []any{
		kubeconfig, &kubeconfig, credentials, &credentials, []any{kubeconfig, credentials},
		struct {
			K doapi.Kubeconfig
			C doapi.Credentials
		}{kubeconfig, credentials},
	} {
		show(&shown, v)
	}
	for _, form := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprint([]byte("canary")), base64.StdEncoding.EncodeToString(kubeconfig)} {
		if strings.Contains(strings.ToLower(shown.String()), strings.ToLower(strings.Trim(form, "[]"))) {
			t.Errorf("it shows %s: %s", form, shown.String())
		}
	}
}

// An answer that cannot be read is not repeated in the error.
func TestUnreadableSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`{"token":{"canary":1}}`, `{"token":"canary","expires_at":"canary"}`, `{"token":"canary"`, `{"token":"canary",canary}`, `"canary"`} {
		s := answers(t, saying(200, answer))
		_, err := client(t, s.url, token).GetCredentials(t.Context(), "c1", time.Minute)
		var shown strings.Builder
		show(&shown, err)
		if err == nil || strings.Contains(shown.String(), "canary") {
			t.Errorf("%s: %s", answer, shown.String())
		}
	}
}

// show writes v in all ways in which something may end up in a log.
func show(w *strings.Builder, v any) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(w, verb+"\n", v)
	}
	slog.New(slog.NewTextHandler(w, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(w, nil)).Info("json", "v", v)
	encoded, _ := json.Marshal(v)
	w.Write(encoded)
	func() {
		defer func() { fmt.Fprintln(w, recover()) }()
		panic(v)
	}()
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
