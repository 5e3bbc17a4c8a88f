package operation

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"doksportal/internal/portal"
)

const maxLabels = 50 // of a pool, taints too

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

// isKey and isValue report whether Kubernetes takes the key and the value of a
// label or taint.
func isKey(s string) bool   { return len(validation.IsQualifiedName(s)) == 0 }
func isValue(s string) bool { return len(validation.IsValidLabelValue(s)) == 0 }

// readLabels reads labels like key=value, one per line. now are those that there
// are, which may stay.
func (f *fieldErrors) readLabels(field string, form portal.Form, now map[string]string) map[string]string {
	words := form.Fields(field)
	if len(words) > maxLabels {
		f.Add(field, "You entered %d labels; at most %d are allowed.", len(words), maxLabels)
		return nil
	}
	labels := map[string]string{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || !isKey(key) || !isValue(value) {
			f.Add(field, "%s is not a valid label; write key=value.", portal.Quote(word))
			continue
		}
		if there, ok := now[key]; owned(key) && (!ok || there != value) {
			f.Add(field, ownedText, portal.Quote(key))
		}
		if _, twice := labels[key]; twice {
			f.Add(field, "The label %s appears twice.", portal.Quote(key))
		}
		labels[key] = value
	}
	return labels
}

// readTaints reads taints like key=value:NoSchedule, one per line. now are those
// that there are, which may stay.
func (f *fieldErrors) readTaints(field string, form portal.Form, now []portal.Taint) []portal.Taint {
	words := form.Fields(field)
	if len(words) > maxLabels {
		f.Add(field, "You entered %d taints; at most %d are allowed.", len(words), maxLabels)
		return nil
	}
	taints := []portal.Taint{}
	for _, word := range words {
		pair, effect, ok := strings.Cut(word, ":")
		key, value, _ := strings.Cut(pair, "=")
		switch {
		case !ok || !isKey(key) || !isValue(value):
			f.Add(field, "%s is not a valid taint; write key=value:NoSchedule.", portal.Quote(word))
		case !slices.Contains(portal.TaintEffects, effect):
			f.Add(field, "%s has the effect %s; choose from %s.", portal.Quote(word), portal.Quote(effect), strings.Join(portal.TaintEffects, ", "))
		case slices.ContainsFunc(taints, func(t portal.Taint) bool { return t.Key == key && t.Effect == effect }):
			f.Add(field, "The taint %s appears twice.", portal.Quote(word))
		case owned(key) && !slices.Contains(now, portal.Taint{Key: key, Value: value, Effect: effect}):
			f.Add(field, ownedText, portal.Quote(key))
		default:
			taints = append(taints, portal.Taint{Key: key, Value: value, Effect: effect})
		}
	}
	return taints
}
