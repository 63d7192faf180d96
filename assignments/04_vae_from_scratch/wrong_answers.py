# Wrong answers that students give. Each cell: question | the mistake | what the feedback must say.
# The tests run every one: it must cost its question's points and get its hint.

# %% q1 | the half in the exponent is missing | The spread of your draws is the square
def sample_code(mean, log_var, seed):
    return mean + ops.exp(log_var) * keras.random.normal(ops.shape(mean), seed=seed)


# %% q1 | the log variance taken for the standard deviation | The log variance itself multiplies the noise
def sample_code(mean, log_var, seed):
    return mean + log_var * keras.random.normal(ops.shape(mean), seed=seed)


# %% q1 | one noise for the whole batch | same in every row of the batch
def sample_code(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean)[1:], seed=seed)


# %% q1 | a fixed seed | Two calls gave the same noise
def sample_code(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=0)


# %% q1 | the static shape | What reads the shape when the graph runs?
def sample_code(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal(mean.shape, seed=seed)


# %% q1 | noise from NumPy | What reads the shape when the graph runs?
def sample_code(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * np.random.default_rng().normal(size=mean.shape).astype("float32")


# %% q1 | out of TensorFlow and back | does not reach both the mean and the log variance
def sample_code(mean, log_var, seed):
    std = np.exp(0.5 * np.asarray(log_var))
    return mean + std * keras.random.normal(ops.shape(mean), seed=seed)


# %% q1 | no noise | the code of a plain autoencoder
def sample_code(mean, log_var, seed):
    return mean


# %% q1 | the width forgotten | Which of the two heads have you not used?
def sample_code(mean, log_var, seed):
    return mean + keras.random.normal(ops.shape(mean), seed=seed)


# %% q1 | uniform noise of the right width | not the shape of a normal distribution
def sample_code(mean, log_var, seed):
    uniform = keras.random.uniform(ops.shape(mean), -(3**0.5), 3**0.5, seed=seed)
    return mean + ops.exp(0.5 * log_var) * uniform


# %% q1 | one noise for all dimensions | same in every dimension of a code
def sample_code(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal((ops.shape(mean)[0], 1), seed=seed)


# %% q1 | the seed is not passed on | no run could be repeated
def sample_code(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean))


# %% q2 | a mean over the cells | Is the logarithm of a product an average?
def bernoulli_log_prob(x, logits):
    return ops.mean(x * logits - ops.softplus(logits), axis=tuple(range(1, len(x.shape))))


# %% q2 | the cross-entropy | That is the cross-entropy, the loss
def bernoulli_log_prob(x, logits):
    return ops.sum(ops.softplus(logits) - x * logits, axis=tuple(range(1, len(x.shape))))


# %% q2 | no sum | what happens to the logarithms of factors?
def bernoulli_log_prob(x, logits):
    return x * logits - ops.softplus(logits)


# %% q2 | summed over the batch, too | You return one number for the whole batch
def bernoulli_log_prob(x, logits):
    return ops.sum(x * logits - ops.softplus(logits))


# %% q2 | summed over the last axis only | yours has shape (5, 4, 3)
def bernoulli_log_prob(x, logits):
    return ops.sum(x * logits - ops.softplus(logits), axis=-1)


# %% q2 | through the sigmoid | a sigmoid in floating point rounds
def bernoulli_log_prob(x, logits):
    p = ops.sigmoid(logits)
    return ops.sum(x * ops.log(p) + (1 - x) * ops.log(1 - p), axis=tuple(range(1, len(x.shape))))


# %% q2 | through the sigmoid, with a small number added | a sigmoid in floating point rounds
def bernoulli_log_prob(x, logits):
    p = ops.clip(ops.sigmoid(logits), 1e-7, 1 - 1e-7)
    return ops.sum(x * ops.log(p) + (1 - x) * ops.log(1 - p), axis=tuple(range(1, len(x.shape))))


# %% q2 | logits taken for probabilities | are the logits probabilities already?
def bernoulli_log_prob(x, logits):
    cells = x * ops.log(logits) + (1 - x) * ops.log(1 - logits)
    return ops.sum(cells, axis=tuple(range(1, len(x.shape))))


# %% q2 | the ink only | which term is missing?
def bernoulli_log_prob(x, logits):
    return ops.sum(x * ops.log(ops.sigmoid(logits)), axis=tuple(range(1, len(x.shape))))


# %% q2 | the squared error | Which distribution has that as its log density
def bernoulli_log_prob(x, logits):
    return -ops.sum(ops.square(x - ops.sigmoid(logits)), axis=tuple(range(1, len(x.shape))))


# %% q2 | images only | not for the rows of a table
def bernoulli_log_prob(x, logits):
    return ops.sum(x * logits - ops.softplus(logits), axis=(1, 2, 3))


# %% q2 | in NumPy | no gradient comes back to the logits
def bernoulli_log_prob(x, logits):
    x, logits = np.asarray(x), np.asarray(logits)
    return (x * logits - np.logaddexp(0, logits)).reshape(len(x), -1).sum(axis=1)


# %% q3 | zero | Can it be right about a cell that is half ink?
def ceiling(x):
    return np.zeros(len(x))


# %% q3 | the entropy, with its own sign | can the logarithm of a probability be positive?
def ceiling(x):
    p = np.clip(x, 1e-12, 1 - 1e-12)
    return -np.sum(p * np.log(p) + (1 - p) * np.log(1 - p), axis=(1, 2, 3))


# %% q3 | zero times minus infinity | what 0 times log 0 is
def ceiling(x):
    return np.sum(x * np.log(x) + (1 - x) * np.log(1 - x), axis=(1, 2, 3))


# %% q3 | bits | That is in bits
def ceiling(x):
    p = np.clip(x, 1e-12, 1 - 1e-12)
    return np.sum(p * np.log2(p) + (1 - p) * np.log2(1 - p), axis=(1, 2, 3))


# %% q3 | the ink only | what do the other 0.7 contribute?
def ceiling(x):
    return np.sum(x * np.log(np.clip(x, 1e-12, 1)), axis=(1, 2, 3))


# %% q3 | the best logit is x | Which of the two, logit or probability
def ceiling(x):
    return np.sum(x * x - np.logaddexp(0, x), axis=(1, 2, 3))


# %% q3 | a mean over the cells | The reconstruction of question 2 is a sum
def ceiling(x):
    p = np.clip(x, 1e-12, 1 - 1e-12)
    return np.mean(p * np.log(p) + (1 - p) * np.log(1 - p), axis=(1, 2, 3))


# %% q3 | fair coins | the worst of all sensible decoders
def ceiling(x):
    return np.full(len(x), -x[0].size * np.log(2))


# %% q3 | the best probabilities, not what they score | put them back into the formula
def ceiling(x):
    return x


# %% q3 | clipped where only float64 can be | not in float32
def ceiling(x):
    p = np.clip(x, 1e-12, 1 - 1e-12)
    return np.sum(p * np.log(p) + (1 - p) * np.log(1 - p), axis=(1, 2, 3))


# %% q4 | only the decoder's weights | The encoder has not moved
def train_step(encoder, decoder, optimizer, x, seed):
    weights = decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        loss = ops.mean(kl - reconstruction)
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


# %% q4 | the bound is minimized | The weights moved uphill on the loss
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        loss = ops.mean(reconstruction - kl)
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


# %% q4 | the KL with the wrong sign | The KL has the wrong sign
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        loss = -ops.mean(reconstruction + kl)
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


# %% q4 | the KL forgotten | The step knows nothing of the KL
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, _ = bound_terms(encoder, decoder, x, seed)
        loss = -ops.mean(reconstruction)
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


# %% q4 | the sum over the batch | How are examples put together?
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        loss = ops.sum(kl - reconstruction)
    optimizer.apply(tape.gradient(loss, weights), weights)
    return loss


# %% q4 | the KL for the encoder, the reconstruction for the decoder | The encoder moves by the KL alone
def train_step(encoder, decoder, optimizer, x, seed):
    with tf.GradientTape(persistent=True) as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        divergence, error = ops.mean(kl), -ops.mean(reconstruction)
    of_encoder, of_decoder = encoder.trainable_weights, decoder.trainable_weights
    gradients = tape.gradient(divergence, of_encoder) + tape.gradient(error, of_decoder)
    optimizer.apply(gradients, of_encoder + of_decoder)
    return divergence + error


# %% q4 | the loss after the tape | inside of the tape's with block
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        pass
    reconstruction, kl = bound_terms(encoder, decoder, x, seed)
    loss = ops.mean(kl - reconstruction)
    optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
    return loss


# %% q4 | the optimizer is never called | No weight has moved
def train_step(encoder, decoder, optimizer, x, seed):
    reconstruction, kl = bound_terms(encoder, decoder, x, seed)
    return ops.mean(kl - reconstruction)


# %% q4 | nothing comes back | the loss does not come back
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        loss = ops.mean(kl - reconstruction)
    optimizer.apply(tape.gradient(loss, weights), weights)


# %% q4 | the losses of the examples come back | is one number, yours has shape (5,)
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        loss = ops.mean(kl - reconstruction)
    optimizer.apply(tape.gradient(loss, weights), weights)
    return kl - reconstruction


# %% q4 | a number of Python for the loss | in a tf.function it stops
def train_step(encoder, decoder, optimizer, x, seed):
    weights = encoder.trainable_weights + decoder.trainable_weights
    with tf.GradientTape() as tape:
        reconstruction, kl = bound_terms(encoder, decoder, x, seed)
        loss = ops.mean(kl - reconstruction)
    optimizer.apply(tape.gradient(loss, weights), weights)
    return float(loss)


# %% q5 | upside down | Which of the two has the price beta?
def hidden_beta(loss, cell_log_prob, unit_kl):
    start = loss(cell_log_prob, unit_kl)
    per_kl = (loss(cell_log_prob, 2 * unit_kl) - start) / np.sum(unit_kl)
    per_lost = (loss(2 * cell_log_prob, unit_kl) - start) / -np.sum(cell_log_prob)
    return per_lost / per_kl


# %% q5 | a nat gained, not lost | what does taking a nat away do?
def hidden_beta(loss, cell_log_prob, unit_kl):
    start = loss(cell_log_prob, unit_kl)
    per_kl = (loss(cell_log_prob, 2 * unit_kl) - start) / np.sum(unit_kl)
    per_gained = (loss(2 * cell_log_prob, unit_kl) - start) / np.sum(cell_log_prob)
    return per_kl / per_gained


# %% q5 | changes, not changes per nat | They are not the same number of nats
def hidden_beta(loss, cell_log_prob, unit_kl):
    start = loss(cell_log_prob, unit_kl)
    return (loss(cell_log_prob, 2 * unit_kl) - start) / (loss(2 * cell_log_prob, unit_kl) - start)


# %% q5 | per entry, not per nat of the batch | divide by nats of the whole batch
def hidden_beta(loss, cell_log_prob, unit_kl):
    start = loss(cell_log_prob, unit_kl)
    per_kl = (loss(cell_log_prob, 2 * unit_kl) - start) / np.mean(unit_kl)
    per_lost = (loss(2 * cell_log_prob, unit_kl) - start) / -np.mean(cell_log_prob)
    return per_kl / per_lost


# %% q5 | the factor in front of the KL | Multiply the whole loss by ten
def hidden_beta(loss, cell_log_prob, unit_kl):
    start = loss(cell_log_prob, unit_kl)
    return (loss(cell_log_prob, 2 * unit_kl) - start) / np.sum(unit_kl) * len(unit_kl)


# %% q5 | the share of the KL in the loss | what does one more nat cost?
def hidden_beta(loss, cell_log_prob, unit_kl):
    return loss(0 * cell_log_prob, unit_kl) / loss(cell_log_prob, unit_kl)


# %% q5 | values, not differences | wrong for one with a constant added
def hidden_beta(loss, cell_log_prob, unit_kl):
    per_kl = loss(0 * cell_log_prob, unit_kl) / np.sum(unit_kl)
    return per_kl / (loss(cell_log_prob, 0 * unit_kl) / -np.sum(cell_log_prob))


# %% q6 | codes of the encoder | Then you copy images
def generate(vae, n, seed):
    mean, log_var = vae.encoder(x_test[:n])
    return np.asarray(ops.sigmoid(vae.decoder(gaussian.sample(mean, log_var, seed))))


# %% q6 | logits for probabilities | What does the decoder give for each cell?
def generate(vae, n, seed):
    return np.asarray(vae.decoder(keras.random.normal((n, vae.latent_dim), seed=seed)))


# %% q6 | a uniform draw | Your codes do not leave a box
def generate(vae, n, seed):
    z = keras.random.uniform((n, vae.latent_dim), -1, 1, seed=seed)
    return np.asarray(ops.sigmoid(vae.decoder(z)))


# %% q6 | one code for all | how many codes did you draw?
def generate(vae, n, seed):
    z = ops.repeat(keras.random.normal((1, vae.latent_dim), seed=seed), n, axis=0)
    return np.asarray(ops.sigmoid(vae.decoder(z)))


# %% q6 | rounded to ink and paper | tossing the coins is another step
def generate(vae, n, seed):
    z = keras.random.normal((n, vae.latent_dim), seed=seed)
    return (np.asarray(vae.decoder(z)) > 0).astype("float32")


# %% q6 | one number for all dimensions | not independent
def generate(vae, n, seed):
    z = ops.repeat(keras.random.normal((n, 1), seed=seed), vae.latent_dim, axis=1)
    return np.asarray(ops.sigmoid(vae.decoder(z)))


# %% q6 | the seed is ignored | the seed changes nothing
def generate(vae, n, seed):
    return np.asarray(ops.sigmoid(vae.decoder(keras.random.normal((n, vae.latent_dim), seed=0))))


# %% q6 | the seed is not passed on | what have you not passed on
def generate(vae, n, seed):
    return np.asarray(ops.sigmoid(vae.decoder(keras.random.normal((n, vae.latent_dim)))))


# %% q6 | the library's function | You call vae.generate
def generate(vae, n, seed):
    return vae.generate(n, seed)


# %% q7 | large and small beta exchanged | The first two are exchanged
mean_over_cells, nearly_free_kl, best_model = "A", "B", "C"

# %% q7 | the best reconstruction wins | What was paid for it?
mean_over_cells, nearly_free_kl, best_model = "B", "A", "A"

# %% q7 | the smallest KL wins | a code that says nothing
mean_over_cells, nearly_free_kl, best_model = "B", "A", "B"

# %% q7 | a small KL taken for a sound one | follow that run to its end
mean_over_cells, nearly_free_kl, best_model = "B", "A", "D"

# %% q7 | a collapsed run not recognized | What becomes of a KL that is so expensive
mean_over_cells, nearly_free_kl, best_model = "D", "A", "C"
