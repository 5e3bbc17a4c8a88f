package request

import (
	"slices"
	"strings"
)

// Keys of labels and taints that DigitalOcean, the kubelet or Kubernetes'
// controllers set by themselves. Others under kubernetes.io/ are people's, like
// app.kubernetes.io/name. Source: Kubernetes' documentation, "Well-Known Labels,
// Annotations and Taints", and the admission plugin NodeRestriction.
var (
	ownedDomains = []string{"doks.digitalocean.com", "node.kubernetes.io", "kubelet.kubernetes.io", "topology.kubernetes.io",
		"failure-domain.beta.kubernetes.io", "node.cloudprovider.kubernetes.io", "cloudprovider.kubernetes.io", "k8s.io"}
	ownedNames = []string{"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os",
		"beta.kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/instance-type"}
)

// owned reports whether a label or taint of this key is not people's to set.
func owned(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	under := func(d string) bool { return domain == d || strings.HasSuffix(domain, "."+d) }
	return slices.ContainsFunc(ownedDomains, under) || slices.Contains(ownedNames, key)
}

const ownedText = "%s is set by DigitalOcean or by Kubernetes itself; choose a key of your own."
