# Wrong answers that students give. Each cell: question | the mistake | what the feedback must say.
# The tests run every one: it must cost its question's points and get its hint.

# %% q1 | the half is missing | what stands in front of the brackets
def kl_to_prior(mean, log_var):
    return np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=-1)


# %% q1 | average over dimensions instead of a sum | Is the logarithm of a product an average?
def kl_to_prior(mean, log_var):
    return 0.5 * np.mean(mean**2 + np.exp(log_var) - 1 - log_var, axis=-1)


# %% q1 | no sum at all | one number for each dimension
def kl_to_prior(mean, log_var):
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)


# %% q1 | log variance taken for log standard deviation | What must be exponentiated to get the variance?
def kl_to_prior(mean, log_std):
    return 0.5 * np.sum(mean**2 + np.exp(2 * log_std) - 1 - 2 * log_std, axis=-1)


# %% q1 | standard deviation for variance | a standard deviation where the formula has a variance
def kl_to_prior(mean, log_var):
    return 0.5 * np.sum(mean**2 + np.exp(log_var / 2) - 1 - log_var, axis=-1)


# %% q1 | a sign | No KL divergence is
def kl_to_prior(mean, log_var):
    return 0.5 * np.sum(1 + log_var - mean**2 - np.exp(log_var), axis=-1)


# %% q1 | summed over the batch, too | Which axis is the batch?
def kl_to_prior(mean, log_var):
    return 0.5 * np.sum(mean**2 + np.exp(log_var) - 1 - log_var)


# %% q1 | the library's function | Write the formula yourself
def kl_to_prior(mean, log_var):
    return np.asarray(gaussian.kl_to_standard_normal(mean, log_var))


# %% q2 | the wrong way round | Under which of the two is the expectation taken?
def kl_between(mean_q, std_q, mean_p, std_p):
    return np.log(std_q / std_p) + (std_p**2 + (mean_q - mean_p) ** 2) / (2 * std_q**2) - 0.5


# %% q2 | the constant is forgotten | must be zero
def kl_between(mean_q, std_q, mean_p, std_p):
    return np.log(std_p / std_q) + (std_q**2 + (mean_q - mean_p) ** 2) / (2 * std_p**2)


# %% q2 | standard deviations not squared | Which powers of it occur?
def kl_between(mean_q, std_q, mean_p, std_p):
    return 0.5 * np.log(std_p / std_q) + (std_q + (mean_q - mean_p) ** 2) / (2 * std_p) - 0.5


# %% q2 | read as log variances | nothing needs an exponential
def kl_between(mean_q, log_var_q, mean_p, log_var_p):
    squared = np.exp(log_var_q) + (mean_q - mean_p) ** 2
    return 0.5 * (log_var_p - log_var_q + squared / np.exp(log_var_p) - 1)


# %% q2 | the distance divided by the variance of q | By which of the two variances
def kl_between(mean_q, std_q, mean_p, std_p):
    return np.log(std_p / std_q) + std_q**2 / (2 * std_p**2) + (mean_q - mean_p) ** 2 / (2 * std_q**2) - 0.5


# %% q2 | the logarithm upside down | The logarithm is upside down
def kl_between(mean_q, std_q, mean_p, std_p):
    return np.log(std_q / std_p) + (std_q**2 + (mean_q - mean_p) ** 2) / (2 * std_p**2) - 0.5


# %% q3 | with respect to the variance | with respect to the variance
def kl_slope(mean, log_var):
    return 0.5 * (1 - np.exp(-log_var)) + 0 * mean


# %% q3 | with respect to the standard deviation | with respect to the standard deviation
def kl_slope(mean, log_var):
    std = np.exp(log_var / 2)
    return std - 1 / std


# %% q3 | the half is lost | does not go away when you differentiate
def kl_slope(mean, log_var):
    return np.exp(log_var) - 1


# %% q3 | the log term is lost | has been lost
def kl_slope(mean, log_var):
    return 0.5 * np.exp(log_var)


# %% q3 | the mean is left in | The mean should not be in it
def kl_slope(mean, log_var):
    return mean + 0.5 * (np.exp(log_var) - 1)


# %% q3 | the sign | the wrong way round
def kl_slope(mean, log_var):
    return 0.5 * (1 - np.exp(log_var))


# %% q4 | the directions exchanged | The two directions are exchanged
minimizes_kl_q_p, minimizes_kl_p_q, like_an_encoder = "A", "C", "A"

# %% q4 | a compromise in the gap | almost nothing
minimizes_kl_q_p, minimizes_kl_p_q, like_an_encoder = "C", "B", "C"

# %% q4 | the encoder covers everything | the encoder is not
minimizes_kl_q_p, minimizes_kl_p_q, like_an_encoder = "C", "A", "A"

# %% q4 | one fit for both | One fit cannot be the answer to both
minimizes_kl_q_p, minimizes_kl_p_q, like_an_encoder = "C", "C", "C"

# %% q5 | the width of q forgotten | What does the spread of z add
def elbo(model, x, mean, log_var):
    log_likelihood = norm.logpdf(x, mean @ model.weights.T + model.mean, np.sqrt(model.noise_variance))
    return log_likelihood.sum(axis=1) - np.asarray(gaussian.kl_to_standard_normal(mean, log_var))


# %% q5 | the KL added | You added the KL
def elbo(model, x, mean, log_var):
    return model.reconstruction(x, mean, log_var) + np.asarray(gaussian.kl_to_standard_normal(mean, log_var))


# %% q5 | the loss instead of the bound | the negative ELBO
def elbo(model, x, mean, log_var):
    return np.asarray(gaussian.kl_to_standard_normal(mean, log_var)) - model.reconstruction(x, mean, log_var)


# %% q5 | the constant dropped | cannot be compared with log p(x)
def elbo(model, x, mean, log_var):
    squared_error = np.sum((x - model.mean - mean @ model.weights.T) ** 2, axis=1)
    squared_error = squared_error + np.exp(log_var) @ np.sum(model.weights**2, axis=0)
    kl = np.asarray(gaussian.kl_to_standard_normal(mean, log_var))
    return -0.5 * squared_error / model.noise_variance - kl


# %% q5 | average over the pixels | You averaged over the pixels
def elbo(model, x, mean, log_var):
    kl = np.asarray(gaussian.kl_to_standard_normal(mean, log_var))
    return model.reconstruction(x, mean, log_var) / x.shape[1] - kl


# %% q5 | the KL left out | the reconstruction term alone
def elbo(model, x, mean, log_var):
    return model.reconstruction(x, mean, log_var)


# %% q5 | the model's own method | by the model's own methods
def elbo(model, x, mean, log_var):
    return model.reconstruction(x, mean, log_var) - np.asarray(gaussian.kl_to_standard_normal(mean, log_var))


# %% q6 | average of the logarithms | the ELBO, however many draws
def importance_weighted_bound(log_w):
    return np.mean(log_w, axis=0)


# %% q6 | the number of draws forgotten | what turns a sum into an average?
def importance_weighted_bound(log_w):
    return logsumexp(log_w, axis=0)


# %% q6 | out of the log domain | stays in the log domain
def importance_weighted_bound(log_w):
    return np.log(np.mean(np.exp(log_w), axis=0))


# %% q6 | the wrong axis | draws are the first axis
def importance_weighted_bound(log_w):
    return logsumexp(log_w, axis=1) - np.log(log_w.shape[1])


# %% q6 | the largest weight | You took the largest weight
def importance_weighted_bound(log_w):
    return np.max(log_w, axis=0)


# %% q7 | a better encoder crosses the ceiling | brings the ELBO closer to the blue line
gap_at_two, verdict = 2.0, "a"

# %% q7 | densities may be positive | the same pixels in the same units
gap_at_two, verdict = 2.0, "c"

# %% q7 | more draws cross the ceiling | More draws
gap_at_two, verdict = 2.0, "d"

# %% q7 | the sign of the gap | a KL divergence is never negative
gap_at_two, verdict = -2.0, "b"

# %% q7 | the ELBO for the gap | the height of the ELBO itself
gap_at_two, verdict = ceiling - 2.0, "b"
