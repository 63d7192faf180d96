# Wrong answers that students give. Each cell: question | the mistake | what the feedback must say.
# The tests run every one: it must cost its question's points and get its hint.

# %% q1 | not centered | as if the mean image were zero
def pca_reconstruct(x_fit, x, d):
    directions = np.linalg.svd(x_fit)[2][:d]
    return x @ directions.T @ directions


# %% q1 | fitted on the new images | You fitted the new images themselves
def pca_reconstruct(x_fit, x, d):
    center = x.mean(axis=0)
    directions = np.linalg.svd(x - center, full_matrices=False)[2][:d]
    return (x - center) @ directions.T @ directions + center


# %% q1 | the new images centered by their own mean | by their own mean
def pca_reconstruct(x_fit, x, d):
    directions = np.linalg.svd(x_fit - x_fit.mean(axis=0), full_matrices=False)[2][:d]
    return (x - x.mean(axis=0)) @ directions.T @ directions + x.mean(axis=0)


# %% q1 | the mean is not put back | not yet a picture
def pca_reconstruct(x_fit, x, d):
    center = x_fit.mean(axis=0)
    directions = np.linalg.svd(x_fit - center, full_matrices=False)[2][:d]
    return (x - center) @ directions.T @ directions


# %% q1 | the mean put back that was never taken off | Is it there both times?
def pca_reconstruct(x_fit, x, d):
    center = x_fit.mean(axis=0)
    directions = np.linalg.svd(x_fit - center, full_matrices=False)[2][:d]
    return x @ directions.T @ directions + center


# %% q1 | columns for rows | rows or columns?
def pca_reconstruct(x_fit, x, d):
    center = x_fit.mean(axis=0)
    directions = np.linalg.svd(x_fit - center, full_matrices=False)[2][:, :d]
    return (x - center) @ directions @ directions.T + center


# %% q1 | eigenvectors in rising order | In which order does your function return
def pca_reconstruct(x_fit, x, d):
    center = x_fit.mean(axis=0)
    directions = np.linalg.eigh(np.cov(x_fit.T))[1][:, :d]
    return (x - center) @ directions @ directions.T + center


# %% q1 | codes instead of images | Those are the codes
def pca_reconstruct(x_fit, x, d):
    center = x_fit.mean(axis=0)
    return (x - center) @ np.linalg.svd(x_fit - center)[2][:d].T


# %% q1 | the fitted images rebuilt | Which of your arguments is the new one?
def pca_reconstruct(x_fit, x, d):
    center = x_fit.mean(axis=0)
    u, s, directions = np.linalg.svd(x_fit - center, full_matrices=False)
    return u[:, :d] * s[:d] @ directions[:d] + center


# %% q1 | one mean for all cells | One number was taken off all cells
def pca_reconstruct(x_fit, x, d):
    mean = x_fit.mean()
    basis = np.linalg.svd(x_fit - mean, full_matrices=False)[2][:d]
    return (x - mean) @ basis.T @ basis + mean


# %% q2 | the transpose | the transpose of the decoder
def best_codes(W, x):
    return x @ W


# %% q2 | lengths and no angles | not of the angles between them
def best_codes(W, x):
    return x @ W / np.sum(W**2, axis=0)


# %% q2 | columns made unit vectors | not of the angles between them
def best_codes(W, x):
    return x @ (W / np.linalg.norm(W, axis=0))


# %% q2 | multiplied instead of solved | where the equation asks to undo it
def best_codes(W, x):
    return x @ W @ (W.T @ W)


# %% q2 | lying on its side | one row for each image
def best_codes(W, x):
    return np.linalg.inv(W.T @ W) @ W.T @ x.T


# %% q2 | in another basis | multiples of its own columns
def best_codes(W, x):
    return x @ np.linalg.qr(W)[0]


# %% q2 | the image instead of the code | asks for the codes
def best_codes(W, x):
    return x @ W @ np.linalg.inv(W.T @ W) @ W.T


# %% q2 | a two left over from the gradient | A factor of two
def best_codes(W, x):
    return 2 * x @ W @ np.linalg.inv(W.T @ W)


# %% q3 | what is kept | that a bottleneck keeps
def linear_errors(x):
    variances = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 / len(x)
    return np.append(0, np.cumsum(variances))


# %% q3 | singular values not squared | related to a sum of squares
def linear_errors(x):
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) / len(x)
    return np.append(np.cumsum(values[::-1])[::-1], 0)


# %% q3 | not centered | What must be done to the images first?
def linear_errors(x):
    variances = np.linalg.svd(x, compute_uv=False) ** 2 / len(x)
    return np.append(np.cumsum(variances[::-1])[::-1], 0)


# %% q3 | one size too few | but d runs from 0
def linear_errors(x):
    variances = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 / len(x)
    return np.cumsum(variances[::-1])[::-1]


# %% q3 | divided by n - 1 | n / (n - 1)
def linear_errors(x):
    variances = np.linalg.eigvalsh(np.cov(x.T))
    return np.append(np.cumsum(variances)[::-1], 0)


# %% q3 | summed over the images | Summed over the images
def linear_errors(x):
    squares = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    return np.append(np.cumsum(squares[::-1])[::-1], 0)


# %% q3 | averaged over the cells | Averaged over the cells
def linear_errors(x):
    variances = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 / x.size
    return np.append(np.cumsum(variances[::-1])[::-1], 0)


# %% q3 | from the wrong end | is the error the largest or the smallest?
def linear_errors(x):
    variances = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 / len(x)
    return np.append(0, np.cumsum(variances[::-1]))


# %% q3 | the variances themselves | how much each direction holds
def linear_errors(x):
    return np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2 / len(x)


# %% q4 | the floor is left on | the whole cross-entropy
def excess_nats(x, logits):
    return np.sum(np.logaddexp(0, logits) - x * logits, axis=1)


# %% q4 | averaged over the cells | as Keras does
def excess_nats(x, logits):
    cost = np.logaddexp(0, logits) - x * logits
    return np.mean(cost + xlogy(x, x) + xlogy(1 - x, 1 - x), axis=1)


# %% q4 | the floor is added | where it should be taken off
def excess_nats(x, logits):
    cost = np.logaddexp(0, logits) - x * logits
    return np.sum(cost - xlogy(x, x) - xlogy(1 - x, 1 - x), axis=1)


# %% q4 | ink without paper | Half of each cell is missing
def excess_nats(x, logits):
    return np.sum(xlogy(x, x) - xlogy(x, 1 / (1 + np.exp(-logits))), axis=1)


# %% q4 | the KL the wrong way round | The two coins have changed places
def excess_nats(x, logits):
    p = 1 / (1 + np.exp(-logits))
    return np.sum(xlogy(p, p / x) + xlogy(1 - p, (1 - p) / (1 - x)), axis=1)


# %% q4 | zero times log zero | 0 times log 0
def excess_nats(x, logits):
    cost = np.logaddexp(0, logits) - x * logits
    return np.sum(cost + x * np.log(x) + (1 - x) * np.log(1 - x), axis=1)


# %% q4 | through the sigmoid | Which form of the loss takes the logit itself?
def excess_nats(x, logits):
    p = 1 / (1 + np.exp(-logits))
    return np.sum(xlogy(x, x) - xlogy(x, p) + xlogy(1 - x, 1 - x) - xlogy(1 - x, 1 - p), axis=1)


# %% q4 | softplus by hand | Which form of the loss takes the logit itself?
def excess_nats(x, logits):
    cost = np.log(1 + np.exp(logits)) - x * logits
    return np.sum(cost + xlogy(x, x) + xlogy(1 - x, 1 - x), axis=1)


# %% q4 | the logits clipped | a clip forgives
def excess_nats(x, logits):
    logits = np.clip(logits, -20, 20)
    return np.sum(np.logaddexp(0, logits) - x * logits + xlogy(x, x) + xlogy(1 - x, 1 - x), axis=1)


# %% q4 | the gray levels clipped | Did you clip them?
def excess_nats(x, logits):
    p = np.clip(x, 1e-7, 1 - 1e-7)
    return np.sum(np.logaddexp(0, logits) - p * logits + p * np.log(p) + (1 - p) * np.log(1 - p), axis=1)


# %% q5 | the noise in the target, too | The targets are noisy, too
def train_denoiser(model, images, epochs):
    for epoch in range(epochs):
        damaged, _ = vaelib.corrupt(images, "gaussian", 1.0, scale=0.3, seed=epoch)
        model.fit(damaged, damaged, epochs=1, batch_size=128, verbose=0)


# %% q5 | no target | no target
def train_denoiser(model, images, epochs):
    for epoch in range(epochs):
        damaged, _ = vaelib.corrupt(images, "gaussian", 1.0, scale=0.3, seed=epoch)
        model.fit(damaged, epochs=1, batch_size=128, verbose=0)


# %% q5 | exchanged | learns to make noise
def train_denoiser(model, images, epochs):
    for epoch in range(epochs):
        damaged, _ = vaelib.corrupt(images, "gaussian", 1.0, scale=0.3, seed=epoch)
        model.fit(images, damaged, epochs=1, batch_size=128, verbose=0)


# %% q5 | no noise at all | no noise reached the network
def train_denoiser(model, images, epochs):
    for _ in range(epochs):
        model.fit(images, images, epochs=1, batch_size=128, verbose=0)


# %% q5 | the noise made once | all epochs see the same specks
def train_denoiser(model, images, epochs):
    damaged, _ = vaelib.corrupt(images, "gaussian", 1.0, scale=0.3, seed=0)
    model.fit(damaged, images, epochs=epochs, batch_size=128, verbose=0)


# %% q5 | the same seed in every epoch | What does a seed that never changes promise?
def train_denoiser(model, images, epochs):
    for _ in range(epochs):
        damaged, _ = vaelib.corrupt(images, "gaussian", 1.0, scale=0.3)
        model.fit(damaged, images, epochs=1, batch_size=128, verbose=0)


# %% q5 | the noise piles up | Damage which images?
def train_denoiser(model, images, epochs):
    damaged = images
    for epoch in range(epochs):
        damaged, _ = vaelib.corrupt(damaged, "gaussian", 1.0, scale=0.3, seed=epoch)
        model.fit(damaged, images, epochs=1, batch_size=128, verbose=0)


# %% q5 | the mask forgotten | How many things does vaelib.corrupt return?
def train_denoiser(model, images, epochs):
    for epoch in range(epochs):
        damaged = vaelib.corrupt(images, "gaussian", 1.0, scale=0.3, seed=epoch)
        model.fit(damaged, images, epochs=1, batch_size=128, verbose=0)


# %% q5 | standard deviation 1 | Look at the call in the question
def train_denoiser(model, images, epochs):
    for epoch in range(epochs):
        damaged, _ = vaelib.corrupt(images, "gaussian", 1.0, seed=epoch)
        model.fit(damaged, images, epochs=1, batch_size=128, verbose=0)


# %% q5 | one speckled pattern for all images | differ from image to image
def train_denoiser(model, images, epochs):
    for _ in range(epochs):
        damaged = images + 0.3 * np.random.normal(size=images.shape[1:])
        model.fit(damaged, images, epochs=1, batch_size=128, verbose=0)


# %% q6 | by the dashed curve | nothing has been denoised
best_width, with_half_the_noise, dashed_verdict = 64, "larger", "b"

# %% q6 | where the curves cross | Which of the two curves measures
best_width, with_half_the_noise, dashed_verdict = 32, "larger", "b"

# %% q6 | less noise needs less room | more of the image than of the noise
best_width, with_half_the_noise, dashed_verdict = 8, "smaller", "b"

# %% q6 | held out, so honest | copying the noise perfectly
best_width, with_half_the_noise, dashed_verdict = 8, "larger", "a"

# %% q6 | more images would help | however many images were fitted
best_width, with_half_the_noise, dashed_verdict = 8, "larger", "c"

# %% q6 | the wrong end of the curve | which end the dashed curve is lowest
best_width, with_half_the_noise, dashed_verdict = 8, "larger", "d"


# %% q7 | from the training images | The network has practiced on them
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    return np.quantile(train_scores, 1 - alpha)


# %% q7 | from the test set | anomalies have voted
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    return np.quantile(test_scores, 1 - alpha)


# %% q7 | the wrong tail | nearly every normal image rings
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    return np.quantile(held_out_scores, alpha)


# %% q7 | mean plus two standard deviations | Errors are not Gaussian
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    return held_out_scores.mean() + 2 * held_out_scores.std()


# %% q7 | the plain quantile | do the count
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    return np.quantile(held_out_scores, 1 - alpha)


# %% q7 | counted from zero | at which index does NumPy keep it?
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    k = int(np.ceil((len(held_out_scores) + 1) * (1 - alpha)))
    return np.sort(held_out_scores)[k] if k <= len(held_out_scores) else np.inf


# %% q7 | the largest held-out score | but one in many may
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    return held_out_scores.max()


# %% q7 | promises with too few images | cannot promise one in twenty
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    n = len(held_out_scores)
    return np.sort(held_out_scores)[min(int(np.ceil((n + 1) * (1 - alpha))), n) - 1]


# %% q7 | no rank for too few images | cannot promise one in twenty
def alarm_threshold(train_scores, held_out_scores, test_scores, alpha):
    return np.sort(held_out_scores)[int(np.ceil((len(held_out_scores) + 1) * (1 - alpha))) - 1]
