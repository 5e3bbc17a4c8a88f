package dosim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"time"
)

// defaultExpiry is how long credentials are valid unless told otherwise.
const defaultExpiry = 7 * 24 * time.Hour

// Source: API reference, "Retrieve the kubeconfig for a Kubernetes Cluster".
const kubeconfig = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %[1]s
    server: %[2]s
  name: %[3]s
contexts:
- context:
    cluster: %[3]s
    user: %[3]s-admin
  name: %[3]s
current-context: %[3]s
kind: Config
preferences: {}
users:
- name: %[3]s-admin
  user:
    token: %[4]s
`

func (w *world) getKubeconfig(r *http.Request) (any, error) {
	c, err := w.accessible(r)
	if err != nil {
		return nil, err
	}
	if _, err := w.expiry(r); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("do-%s-%s", c.Region, c.Name)
	ca := base64.StdEncoding.EncodeToString([]byte(c.CA))
	return document(fmt.Sprintf(kubeconfig, ca, c.endpoint(), name, newToken())), nil
}

func (w *world) getCredentials(r *http.Request) (any, error) {
	c, err := w.accessible(r)
	if err != nil {
		return nil, err
	}
	expires, err := w.expiry(r)
	if err != nil {
		return nil, err
	}
	return object{
		"server": c.endpoint(), "certificate_authority_data": []byte(c.CA),
		"client_certificate_data": nil, "client_key_data": nil,
		"token": newToken(), "expires_at": expires.UTC().Format(time.RFC3339Nano),
	}, nil
}

func (w *world) getUser(r *http.Request) (any, error) {
	if _, err := w.cluster(r); err != nil {
		return nil, err
	}
	return object{"kubernetes_cluster_user": object{
		"username": "simulator@example.com", "groups": []string{"k8saas:authenticated"}}}, nil
}

// accessible returns the cluster that a request names, once it is ready.
func (w *world) accessible(r *http.Request) (*cluster, error) {
	c, err := w.cluster(r)
	if err == nil && !c.ready(w.now()) {
		err = notFound("the cluster's credentials are not available yet")
	}
	return c, err
}

// expiry is until when the credentials asked for are valid.
func (w *world) expiry(r *http.Request) (time.Time, error) {
	const most = 100 * 365 * 24 * 60 * 60
	seconds := intParam(r, "expiry_seconds", 0)
	switch {
	case seconds < 0 || seconds > most:
		return time.Time{}, invalid("invalid expiry_seconds")
	case seconds == 0:
		return w.now().Add(defaultExpiry), nil
	}
	return w.now().Add(time.Duration(seconds) * time.Second), nil
}

func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// newCA returns the certificate of a new cluster's authority. Its key is
// forgotten: nothing is ever signed.
func newCA(now time.Time) string {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.AddDate(20, 0, 0),
		Subject:  pkix.Name{Organization: []string{"DigitalOcean"}, CommonName: "k8saas Cluster CA"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // there is no randomness
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err) // the template is always the same
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
