package doapi

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// ClusterUser is who the portal's token is in a cluster. Source: API
// reference, "Retrieve User Information for a Kubernetes Cluster".
type ClusterUser struct {
	Username string         `json:"username"`
	Groups   []string       `json:"groups"` // in the cluster
	Extra    jsontext.Value `json:",unknown"`
}

// GetKubeconfig returns a kubeconfig whose token is good for expiry, at least
// a second. There is none, IsNotFound, until the cluster is ready.
//
// GET /v2/kubernetes/clusters/{cluster_id}/kubeconfig, scope
// kubernetes:access_cluster.
func (c *Client) GetKubeconfig(ctx context.Context, id string, expiry time.Duration) (Kubeconfig, error) {
	query, err := expirySeconds(expiry)
	if err != nil {
		return nil, err
	}
	var answer Kubeconfig
	err = c.get(ctx, call{path: clusters(id, "kubeconfig"), query: query, access: true, read: func(body []byte) error {
		if !bytes.Contains(body, []byte("apiVersion")) {
			return errors.New("the answer is no kubeconfig")
		}
		answer = body
		return nil
	}})
	return answer, err
}

// GetCredentials returns credentials whose token is good for expiry, at least
// a second.
//
// GET /v2/kubernetes/clusters/{cluster_id}/credentials, scope
// kubernetes:access_cluster.
func (c *Client) GetCredentials(ctx context.Context, id string, expiry time.Duration) (Credentials, error) {
	query, err := expirySeconds(expiry)
	if err != nil {
		return Credentials{}, err
	}
	var answer credentialsAnswer
	err = c.get(ctx, call{path: clusters(id, "credentials"), query: query, access: true, read: into(&answer)})
	return Credentials(answer), err
}

// expirySeconds says how long a token is to be good for. To DigitalOcean
// saying nothing, or 0, means seven days.
func expirySeconds(expiry time.Duration) (url.Values, error) {
	if expiry < time.Second {
		return nil, invalid("a token has to be good for at least a second")
	}
	return url.Values{"expiry_seconds": {strconv.FormatInt(int64(expiry/time.Second), 10)}}, nil
}

// GetClusterUser reads who the portal's token is in a cluster.
//
// GET /v2/kubernetes/clusters/{cluster_id}/user, scope kubernetes:read.
func (c *Client) GetClusterUser(ctx context.Context, id string) (ClusterUser, error) {
	var answer struct {
		User ClusterUser `json:"kubernetes_cluster_user"`
	}
	err := c.get(ctx, call{path: clusters(id, "user"), read: into(&answer)})
	return answer.User, err
}
